"""pipeline/cli/reasons/commands.py: a run is explained, and a score's reasons are computed anew."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.errors import NothingToDo
from tests.home import Home
from tests.pipeline.shop import open_shop


def typed(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_a_run_is_explained_and_an_entity_s_reasons_are_computed_anew(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    assert f"run {run} is explained" in typed("explain", run)
    printed = typed("reasons", run, "customer-00001")
    assert f"customer-00001 in run {run}: " in printed
    assert "equal to what is kept" in printed
    assert [line.split()[0] for line in printed.splitlines()[2:5]] == ["1", "2", "3"]
    document = json.loads(typed("reasons", run, "customer-00001", "--json"))
    assert document["equal"] is True
    assert document["kept"] == document["again"]
    assert "equal to what is kept" in typed("reproduce", run, "--entity", "customer-00001")
    home.sql("UPDATE scoring.reasons SET contribution = contribution + 1 WHERE run_id = :run", run=run)
    assert "NOT equal to what is kept" in typed("reasons", run, "customer-00001", code=1)


def test_who_wants_a_run_explained_that_gets_no_reasons_is_told_by_the_exit_code_too(home: Home) -> None:
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    with pytest.raises(NothingToDo):
        home.score(shop.job, dry_run=True)
    dry = home.last_run(shop.job)["run_id"]
    assert f"{shop.job}.toml has no section [reasons]" in typed("explain", dry, code=1)
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 4\n")
    printed = " ".join(typed("explain", dry, code=1).split())
    assert f"nothing of run {dry} to explain: it is abandoned. Only a run that a model has scored" in printed
    run = home.score(shop.job).run_id
    typed("explain", run)
    again = CliRunner().invoke(app, ["explain", str(run)])
    assert isinstance(again.exception, NothingToDo)  # which ends with 0
    assert str(again.exception) == f"nothing of run {run} to explain: it has its reasons."


def test_scoring_a_date_explains_it_and_a_run_without_reasons_is_reproduced_as_before(home: Home) -> None:
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    text = path.read_text()
    printed = typed("score", shop.job, "2024-03-01")
    assert "customer-00001 in run" in typed(
        "reproduce", home.last_run(shop.job)["run_id"], "--entity", "customer-00001"
    )
    assert "published" in printed
    path.write_text(f"{text}\n[reasons]\norders = 8\n")
    shop.change("visits = visits + 1")
    assert "is explained" in typed("score", shop.job, "2024-03-01")
    run = home.last_run(shop.job)["run_id"]
    [done] = home.sql("SELECT status FROM scoring.explanations WHERE run_id = :run", run=run)
    assert done == {"status": "explained"}


def test_a_run_that_is_held_is_explained_too_of_one_date_and_of_a_range(home: Home) -> None:
    shop = open_shop(home, gate="min_rows = 1000")
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    # Of one date `Held` is raised, which `main` ends with 3.
    for code, dates in ((1, ["2024-03-01"]), (3, ["2024-03-02", "2024-03-02"])):
        typed("score", shop.job, *dates, code=code)
        run = home.last_run(shop.job)
        [done] = home.sql("SELECT status FROM scoring.explanations WHERE run_id = :run", run=run["run_id"])
        assert (run["status"], done["status"]) == ("held", "explained")
