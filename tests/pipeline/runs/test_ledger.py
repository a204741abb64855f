"""pipeline/runs/ledger.py: what was tried, with what, and how far it came."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.databases import postgres
from pipeline.model import registry, requirements
from pipeline.payloads import RunRequest
from pipeline.runs import code_version, ledger
from pipeline.runs.ledger import LedgerError, PartRecord, Superseded
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError
from pipeline.tasks.load_model import load_model
from pipeline.tasks.predict import predict
from pipeline.tasks.write import write
from pipeline.version import VERSION
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def test_a_run_names_all_that_it_was_made_of(shop: Shop) -> None:
    shop.home.score(shop.job, trigger="by hand")
    run = shop.home.last_run(shop.job)
    pinned = registry.resolve(shop.home.path, "shop", "champion")
    assert (run["trigger"], run["score_date"], run["dry_run"]) == ("by hand", NIGHT, False)
    assert (run["model_name"], run["model_version"], run["model_sha256"]) == ("shop", 1, pinned.sha256)
    assert run["job_sha256"] == shop.home.read(shop.job).sha256
    assert run["code_version"] == code_version.code_version()
    assert run["pipeline_version"] == VERSION
    assert run["library_versions"] == requirements.library_versions()
    assert (run["interval_end"] - run["interval_start"]).total_seconds() == 24 * 3600
    assert run["idempotency_key"]
    assert run["started_at"] <= run["extracted_at"] <= run["scored_at"] <= run["published_at"]


def test_a_try_that_comes_late_does_not_take_over_from_a_later_one(shop: Shop) -> None:
    second = shop.extract(trigger="one night", attempt=2)
    with pytest.raises(
        Superseded, match=f"try 2 of one night is at work on run {second.run_id}: nothing to do"
    ):
        shop.extract(trigger="one night", attempt=1)
    shop.publish(second, shop.write(second))
    shop.change("visits = visits + 1")
    shop.extract(trigger="one night", attempt=1)
    assert [run["attempt"] for run in shop.runs()] == [2, 1]


def test_whatever_ends_a_stage_is_noted_in_the_runs_row(shop: Shop) -> None:
    run = shop.extract()
    with pytest.raises(KeyboardInterrupt), ledger.open_run(shop.home.workspace.predictions, run.run_id):
        raise KeyboardInterrupt
    noted = shop.home.last_run(shop.job)
    assert (noted["status"], noted["status_reason"]) == ("failed", "KeyboardInterrupt")
    assert shop.publish(run, shop.write(run)).run_id == run.run_id


def test_a_failure_is_noted_in_the_runs_row_and_a_retry_resumes_it(shop: Shop) -> None:
    run = shop.extract()
    work = load_model(shop.home.workspace, shop.home.read(shop.job), run)
    path = Path(shop.home.store) / RunRef.of(run).input(1)
    aside = path.rename(path.with_suffix(".aside"))
    with pytest.raises(PartError, match="is missing") as missing:
        predict(shop.home.workspace, shop.home.read(shop.job), work[1])
    ledger.note_failure(shop.home.workspace.predictions, run.run_id, f"PartError: {missing.value}")
    failed = shop.home.last_run(shop.job)
    assert failed["status"] == "failed"
    assert failed["status_reason"].startswith("PartError: part ")
    aside.rename(path)
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    write(workspace, job, predict(workspace, job, work[1]))
    resumed = shop.home.last_run(shop.job)
    assert (resumed["status"], resumed["status_reason"]) == ("running", None)
    assert shop.publish(run, shop.write(run)).rows_scored == 100


def test_of_tries_that_begin_at_once_the_newest_goes_on(shop: Shop) -> None:
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    shop.extract()  # so that the month's partition is there, and nothing else makes them wait
    pinned = registry.resolve(workspace.home, job.model.name, job.model.alias)
    interval = dates.interval(NIGHT, job.zone)
    record = ledger.RunRecord(
        job.name,
        NIGHT,
        interval,
        RunRequest(trigger="one"),
        pinned,
        code_version.deployment(workspace, job, "query"),
    )
    with ThreadPoolExecutor(6) as threads:
        tries = list(
            threads.map(lambda _: ledger.begin(workspace.predictions, record, lambda run_id: None), range(6))
        )
    assert [run["run_id"] for run in shop.runs()[1:] if run["status"] == "running"] == [max(tries)]


def test_a_long_reason_is_cut(shop: Shop) -> None:
    run = shop.extract()
    with (
        pytest.raises(MemoryError, match="xxx"),
        ledger.open_run(shop.home.workspace.predictions, run.run_id),
    ):
        raise MemoryError("x" * 10_000)
    assert len(shop.home.last_run(shop.job)["status_reason"]) == 2000


@pytest.mark.parametrize("status", ["held", "abandoned"])
def test_work_on_a_closed_run_ends(shop: Shop, status: str) -> None:
    run = shop.extract()
    ledger.close(shop.home.workspace.predictions, run.run_id, status, "enough")
    with (
        pytest.raises(Superseded, match=rf"run {run.run_id} is {status} \(enough\): nothing to do"),
        ledger.open_run(shop.home.workspace.predictions, run.run_id),
    ):
        raise AssertionError("the work began")
    assert shop.status(run.run_id) == status


def test_a_published_run_is_not_closed(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    ledger.close(shop.home.workspace.predictions, done.run_id, "failed", "late")
    assert shop.status(done.run_id) == "published"


def test_work_on_a_run_that_is_not_there_is_refused(shop: Shop) -> None:
    with (
        pytest.raises(LedgerError, match="no run 999999999 in the predictions database"),
        ledger.open_run(shop.home.workspace.predictions, 999_999_999),
    ):
        raise AssertionError("the work began")


def test_a_try_that_stands_still_does_not_keep_the_next_one_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STALLED", "200ms")
    run = shop.extract(trigger="of the night")
    still = postgres.engine(shop.home.workspace.predictions).connect()
    still.execute(
        sa.text("SELECT FROM scoring.scoring_runs WHERE run_id = :run_id FOR SHARE"), {"run_id": run.run_id}
    )
    again = shop.extract(trigger="of the night")
    with pytest.raises(sa.exc.DBAPIError):
        still.commit()
    assert (shop.status(run.run_id), shop.status(again.run_id)) == ("abandoned", "running")


def test_a_run_taken_over_while_it_extracts_ends_there(shop: Shop) -> None:
    old = shop.extract(trigger="one")
    shop.extract(trigger="one")
    with pytest.raises(Superseded, match="taken over"):
        ledger.extracted(shop.home.workspace.predictions, old.run_id, [PartRecord(99, 1, 0, "digest")])


def test_another_trigger_takes_nothing_over(shop: Shop) -> None:
    one = shop.extract(trigger="one")
    shop.extract(trigger="two")
    assert shop.status(one.run_id) == "running"


def test_a_published_run_is_not_taken_over(shop: Shop) -> None:
    first = shop.home.score(shop.job, trigger="one")
    shop.change("visits = visits + 1")
    shop.extract(trigger="one")
    assert shop.status(first.run_id) == "published"
    assert len(shop.predictions()) == 100
