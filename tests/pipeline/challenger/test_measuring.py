"""pipeline/challenger/measuring.py: a run and its challenger on the same entities, and what the days say together."""

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.candidates import content
from pipeline.challenger import measuring, replay, tries
from pipeline.challenger.measuring import Standing
from pipeline.challenger.tries import Try
from pipeline.errors import NothingToDo
from pipeline.reports.links import Links
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from pipeline.store.parts import PartError
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.candidates.drafts import entered
from tests.pipeline.challenger.nights import challenged
from tests.pipeline.evaluation.measured import day
from tests.pipeline.evaluation.shop import BY, bought, name_outcomes, opened
from tests.pipeline.maintenance.aging import age, keep, prune
from tests.pipeline.shop import Shop, open_shop

LINKS = Links(
    "all", "report/{}/{}".format, "form/{}/{}".format, lambda *_: None, "dag/{}".format, "card/{}/{}".format
)
# So many days of one difference decide.
ENOUGH = 12


@pytest.fixture
def versions(home: Home) -> Shop:
    """A shop whose published night has outcomes, and the scores of a useless challenger."""
    shop = opened(home, shop_rows())
    _, reference = shop_model()
    dummy = DummyClassifier(strategy="prior").fit(reference.drop(columns="bought"), reference["bought"])
    home.model("shop", dummy, reference, outcome="bought", alias="challenger")
    name_outcomes(shop, bought(shop_rows()), keys="\n[challenger]", slices=BY)
    run_id = shop.runs()[-1]["run_id"]
    assert tries.whole(home.workspace, home.read(shop.job), run_id) == ""
    return shop


def measure(shop: Shop, **options: int) -> Standing:
    standing = measuring.measure(shop.home.workspace, shop.home.read(shop.job), NIGHT, **options)
    assert standing
    return standing


def kept(shop: Shop, role: str = "analyst") -> list[dict[str, Any]]:
    query = "SELECT * FROM scoring.challenger_quality WHERE job = :job ORDER BY score_date"
    return shop.home.sql(query, role, job=shop.job)


def test_what_is_kept_is_what_a_replay_gives_and_a_verdict_takes_the_days_before(versions: Shop) -> None:
    workspace, job = versions.home.workspace, versions.home.read(versions.job)
    again = replay.day(workspace, job, replay.opened(workspace, job, 2), NIGHT)
    first = measure(versions)
    assert first.day == again
    assert (first.together.verdict, first.together.days, first.turns) == ("undecided", 1, 0)
    [row] = kept(versions)
    assert (row["champion_version"], row["challenger_version"], row["entities"]) == (1, 2, 100)
    assert (row["outcomes"], row["loss"], row["in_sample"]) == (100, "log_loss", False)
    assert (row["champion_loss"], row["challenger_loss"]) == (again.losses.champion, again.losses.challenger)
    assert (row["moved"], row["relabelled"], row["verdict"]) == (again.moved, again.relabelled, "undecided")

    # Days before it, on which the challenger was as bad, and one after it; another version's are no matter.
    challenged(versions, [-0.1] * ENOUGH, first=-ENOUGH - 1)
    challenged(versions, [0.3] * 3, first=-40, version=3)
    challenged(versions, [-0.1], first=1)
    standing = measure(versions)
    assert (standing.together.verdict, standing.newest, standing.turns) == ("worse", day(1), 1)
    *_, own, last = [row for row in kept(versions) if row["challenger_version"] == 2]
    assert (own["verdict"], own["days"], last["days"]) == ("worse", ENOUGH + 1, ENOUGH + 2)
    assert own["difference_low"] < own["mean_difference"] < own["difference_high"] < 0
    assert standing.sentence.startswith(
        f"shop version 2 beside version 1, on {ENOUGH + 2} dates: worse. Its log_loss is"
    )
    assert measure(versions, most=50).day.entities < 80

    analyst = versions.home.server.connections["analyst"]
    page = report(analyst, versions.home.path, own["run_id"])
    assert f"Version 2 beside version 1: worse after {ENOUGH + 1} score dates, its log loss" in page
    assert "Challenger: log loss" in page
    assert f"<dd>version 2: worse after {ENOUGH + 2} score dates" in overview(analyst, [versions.job], LINKS)
    shown = CliRunner().invoke(app, ["outcomes", versions.job, str(NIGHT)])
    assert f"shop version 2 beside version 1, on {ENOUGH + 2} dates: worse" in shown.output
    keep(versions, predictions_days=1, metrics_days=1)
    age(versions, 3, f"run_id = {own['run_id']}")
    assert [item.what for item in prune(versions).gone] == ["scores"]
    before = [row["run_id"] for row in kept(versions) if row["verdict"]]
    assert [item.what for item in prune(versions).gone] == ["metrics"]
    after = [row["run_id"] for row in kept(versions) if row["verdict"]]
    assert after == [run for run in before if run != own["run_id"]]
    age(versions, 40, f"run_id = {own['run_id']}")
    assert "parts" in {item.what for item in prune(versions).gone}
    assert not list((versions.home.path / "store").rglob("challenger-*.parquet"))


def test_a_run_without_challenger_is_not_measured_and_an_altered_part_is_refused(versions: Shop) -> None:
    [part, *_] = sorted((versions.home.path / "store").rglob("challenger-*.parquet"))
    part.write_bytes(b"")
    with pytest.raises(PartError, match="challenger-00000.parquet .* is not what was written"):
        measure(versions)
    complaint = CliRunner().invoke(app, ["outcomes", versions.job, str(NIGHT)])
    assert complaint.exit_code == 0
    assert "its challenger: part " in complaint.output
    versions.home.score(versions.job)
    assert measuring.measure(versions.home.workspace, versions.home.read(versions.job), NIGHT) is None


def test_the_newest_candidate_is_scored_and_measured_as_a_version_is(home: Home) -> None:
    home.model("shop", *shop_model(seed=1), outcome="bought")
    shop = open_shop(home, shop_rows())
    home.score(shop.job)
    name_outcomes(shop, bought(shop_rows()), keys="\n[challenger]")
    candidate = entered(home, shop.job, alias="tried")
    workspace, job, run_id = home.workspace, home.read(shop.job), shop.runs()[-1]["run_id"]
    # In the task that scores there is what the one before has returned, as JSON, and no database.
    work = Try.read(json.loads(json.dumps(tries.begin(workspace, job, run_id).json_value())))
    artefact = Path(content.store()) / candidate.artefact("model.joblib").path
    kept_bytes = artefact.read_bytes()
    artefact.unlink()
    lost = tries.end(workspace, work, tries.attempt(workspace, job, work))
    assert f"model.joblib of {candidate.label}" in lost
    assert [(row["status"], row["reason"]) for row in kept(shop)] == [("failed", lost)]
    artefact.write_bytes(kept_bytes)
    assert tries.whole(workspace, job, run_id) == ""
    with pytest.raises(NothingToDo, match=f"was scored by {candidate.label} before"):
        tries.begin(workspace, job, run_id)

    # Another candidate's days are no matter.
    challenged(shop, [-0.1] * ENOUGH, first=-ENOUGH - 1, version=-candidate.number)
    challenged(shop, [0.3] * 3, first=-40, version=-candidate.number - 1)
    standing = measure(shop)
    assert standing.sentence.startswith(f"{candidate.label} beside version 1, on {ENOUGH + 1} dates: ")
    [row] = [row for row in kept(shop) if row["run_id"] == run_id]
    assert (row["champion_version"], row["challenger_version"]) == (1, -candidate.number)
    assert (row["days"], row["verdict"], row["outcomes"]) == (ENOUGH + 1, standing.together.verdict, 100)
    analyst = home.server.connections["analyst"]
    assert f"Candidate {candidate.number} beside version 1: " in report(analyst, home.path, run_id)
    assert f"<dd>candidate {candidate.number}: " in overview(analyst, [shop.job], LINKS)


def test_turns_count_when_it_is_decided_otherwise() -> None:
    assert measuring.turns([]) == measuring.turns(["undecided"]) == 0
    assert measuring.turns(["undecided", "better", "undecided", "better"]) == 1
    assert measuring.turns(["better", "worse", "undecided", "better"]) == 3
