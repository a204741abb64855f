"""pipeline/cli/inspect.py: runs are compared, reproduced and explained, and the chain of decisions is verified."""

import json

import pytest

from pipeline.cli import inspect
from pipeline.inspection.chain import Verification
from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


def test_the_chain_of_decisions_is_verified(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a shared database, which other tests alter: what a walk comes to is in tests/pipeline/inspection/test_chain.py.
    for violations, code in (((), 0), (("entry 3 (approval of run 7) was altered",), 1)):
        monkeypatch.setattr(inspect, "verify_chain", lambda url, head: Verification(3, "e" * 64, violations))  # noqa: B023
        ended, output, complained = run("verify", "--head", "e" * 64)
        assert ended == code
        assert output.endswith("e" * 64) if not code else "was altered" in complained
    monkeypatch.undo()
    assert run("verify", "--head", "short")[0] == 2


def test_two_runs_are_compared(shop: Shop, run: Command, capsys: pytest.CaptureFixture[str]) -> None:
    shop.configure("retries = 0", 'retries = 0\nslices = ["channel"]')
    run("score", shop.job, NIGHT)
    shop.change("visits = visits + 3, channel = 'web'", "entity_id LIKE '%3'")
    run("score", shop.job, NIGHT)
    before, after = (row["run_id"] for row in shop.runs())
    code, output, _ = run("diff", before, after, "--top", 2)
    assert code == 0
    assert f"from run {before} of {shop.job} 2024-03-01, superseded" in output
    assert "entities: 100 before, 100 after; 0 appeared, 0 vanished" in output
    assert "changed between the runs: input" in output
    assert "scores: 10 of 100 changed, by 0." in output
    assert "by channel channel entities appeared vanished changed mean_before mean_after" in output
    assert output.count("customer-") == 2
    _, output, _ = run("diff", before, after, "--json")
    document = json.loads(output)
    assert (document["changed"], len(document["largest"])) == (10, 10)
    assert sum(one["entities"] for one in document["slices"]) == 100
    assert run("diff", before, 987654)[0] == 2


def test_a_run_is_reproduced(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    [done] = shop.runs()
    code, output, _ = run("reproduce", done["run_id"])
    assert code == 0
    assert output == (
        f"run {done['run_id']} of {shop.job} 2024-03-01: 100 rows scored again scored then by the estimator, now by "
        "the estimator (the version has no compiled predictor) scored part 100 rows equal, bit for bit "
        "database 100 rows equal, bit for bit reproduced"
    )
    _, output, _ = run("reproduce", done["run_id"], "--json")
    assert json.loads(output)["passed"] is True


def test_a_run_that_is_not_reproduced_ends_with_1(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT, "--dry-run")
    [done] = shop.runs()
    shop.home.sql(
        "UPDATE scoring.prediction_rows SET score = 0.125 WHERE run_id = :run_id AND entity_id = 'customer-00042'",
        run_id=done["run_id"],
    )
    code, output, _ = run("reproduce", done["run_id"])
    assert code == 1
    assert "database 99 rows equal, bit for bit 1 values differ, such as part entity_id where" in output
    assert "1 customer-00042 database score 0.125 0." in output
    assert output.endswith("NOT reproduced")
    code, output, _ = run("reproduce", done["run_id"], "--entity", "customer-00042")
    assert code == 1
    assert "score 0.125, label" in output
    assert "NOT equal" in output


def test_one_score_is_explained_and_held_against_another_runs(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = 99", "entity_id = 'customer-00042'")
    shop.change("channel = NULL", "entity_id = 'customer-00043'")
    run("score", shop.job, NIGHT)
    before, after = (row["run_id"] for row in shop.runs())
    code, output, _ = run("reproduce", after, "--entity", "customer-00042", "--against", before)
    assert code == 0
    assert f"customer-00042 in run {after} of {shop.job} 2024-03-01, published score" in output
    assert (
        f", equal part 1 model shop version 1, SHA-256 {shop.runs()[0]['model_sha256']} query {shop.job}.sql"
        in output
    )
    assert "visits 99 int64" in output
    assert f"SELECT * FROM {shop.table} ORDER BY entity_id against run {before}: " in output
    code, output, _ = run("reproduce", after, "--entity", "customer-00042", "--against", before, "--json")
    assert [(one["what"], one["after"]) for one in json.loads(output)["changes"]] == [("visits", 99)]
    code, output, _ = run("reproduce", after, "--entity", "customer-00043")
    assert code == 0
    assert "published score rejected: channel null model shop" in output
    assert run("reproduce", after, "--entity", "nobody")[0] == 2
    code, _, complained = run("reproduce", after, "--against", before)
    assert code == 2
    assert "--against compares one entity in two runs: add --entity ID, or use `diff RUN RUN`" in complained
