"""pipeline/runs/publications.py: the pointer moves to a newer run, or not at all."""

from functools import partial

import pytest

from pipeline.runs import ledger
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import move_pointer
from pipeline.tasks.log_metrics import log_metrics
from tests.home import NIGHT
from tests.pipeline.shop import Shop, at_once

NIGHT_LOCK = "SELECT scoring.lock_night(:job, :day)"


def test_an_older_run_that_finishes_late_cannot_overwrite_a_newer_one(shop: Shop) -> None:
    older = shop.extract()
    written = shop.write(older)
    newer = shop.home.score(shop.job)
    with pytest.raises(Superseded, match=f"run {newer.run_id} is newer and published"):
        shop.publish(older, written)
    assert shop.status(older.run_id) == "abandoned"
    assert set(shop.predictions()["run_id"]) == {newer.run_id}


def test_the_database_itself_never_moves_the_pointer_back(shop: Shop) -> None:
    older = shop.extract()
    shop.write(older)
    newer = shop.home.score(shop.job)
    [refused] = shop.home.sql("SELECT * FROM scoring.publish(:run_id)", "predictions", run_id=older.run_id)
    assert (refused["outcome"], refused["said"]) == (
        "overtaken",
        f"run {newer.run_id} is newer and published",
    )
    assert set(shop.predictions()["run_id"]) == {newer.run_id}


def test_a_failure_noted_by_another_try_does_not_keep_an_audited_run_from_being_published(shop: Shop) -> None:
    run = shop.extract()
    log_metrics(shop.home.workspace, shop.home.read(shop.job), run, shop.write(run))
    ledger.close(
        shop.home.workspace.predictions, run.run_id, "failed", "a try that woke up without a connection"
    )
    assert move_pointer(shop.home.workspace.predictions, run.run_id) is None
    assert shop.status(run.run_id) == "published"


def test_two_runs_published_at_once_leave_the_newer_one(shop: Shop) -> None:
    older = shop.extract()
    shop.change("visits = visits + 1")
    newer = shop.extract()
    ready = [(run, shop.write(run)) for run in (older, newer)]
    tasks = [partial(shop.publish, run, written) for run, written in ready]
    at_once(shop.home, NIGHT_LOCK, tasks, job=shop.job, day=NIGHT)
    assert shop.status(newer.run_id) == "published"
    assert shop.status(older.run_id) in ("superseded", "abandoned")
    assert set(shop.predictions()["run_id"]) == {newer.run_id}
