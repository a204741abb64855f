"""pipeline/runs/failures.py: a failure becomes a failed run, also where none had begun, and never a later try's."""

from dataclasses import replace

import pytest

from pipeline.config import dates
from pipeline.errors import ScoringError
from pipeline.runs import failures
from pipeline.runs.failures import Failure
from pipeline.runs.ledger import LedgerError
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def failure(shop: Shop, trigger: str, **changed: object) -> Failure:
    """A try that failed before there was a run."""
    job = shop.home.read(shop.job)
    made = Failure(shop.job, NIGHT, dates.interval(NIGHT, job.zone), trigger, "the disk was full", job.sha256)
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_failure_before_there_is_a_run_is_a_run_of_its_own(shop: Shop) -> None:
    database_url = shop.home.workspace.predictions
    assert failures.note(database_url, failure(shop, "one"), begin=False) is None
    long = failure(shop, "one", reason="x" * 5000, dry_run=True, triggered_by="ada", attempt=2)
    run_id = failures.note(database_url, long, begin=True)
    run = shop.home.last_run(shop.job)
    assert (run["run_id"], run["status"], run["rows_scored"]) == (run_id, "failed", None)
    assert (run["dry_run"], run["triggered_by"], run["attempt"]) == (True, "ada", 2)
    assert len(run["status_reason"]) == 2000


def test_a_failure_stands_in_the_open_run_of_its_trigger(shop: Shop) -> None:
    run = shop.extract(trigger="one")
    database_url = shop.home.workspace.predictions
    assert failures.note(database_url, failure(shop, "one"), begin=False) == run.run_id
    # Told again, as after a lost answer, it is the same run.
    assert failures.note(database_url, failure(shop, "one"), begin=True) == run.run_id
    assert [row["status_reason"] for row in shop.runs()] == ["the disk was full"]


def test_a_try_that_comes_late_notes_nothing_in_a_later_one(shop: Shop) -> None:
    run = shop.extract(trigger="one", attempt=2)
    note = failures.note(shop.home.workspace.predictions, failure(shop, "one", attempt=1), begin=True)
    assert note is None
    assert shop.status(run.run_id) == "running"


def test_a_closed_run_stays_as_it_is(shop: Shop) -> None:
    done = shop.home.score(shop.job, trigger="one")
    assert failures.note(shop.home.workspace.predictions, failure(shop, "one"), begin=False) is None
    assert shop.status(done.run_id) == "published"


def test_a_database_without_the_schema_is_refused_with_the_remedy(shop: Shop) -> None:
    with pytest.raises(LedgerError, match="Run `scoring migrate`"):
        failures.note(shop.home.server.uri("postgres"), failure(shop, "one"), begin=True)


def test_an_error_is_explained_with_what_to_do() -> None:
    assert failures.explain(ScoringError("no model. Register one.")) == "no model. Register one."
    sentence, to_do = failures.explain(ConnectionError("lost\nDETAIL: of customer-00001")).split("\n")
    assert sentence == "ConnectionError: lost"
    assert "The fault may pass." in to_do
    assert failures.explain(MemoryError()).startswith("MemoryError: it does not say more")
