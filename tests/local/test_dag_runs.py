"""Airflow's states in words, and when nothing more comes of a run."""

from datetime import date

import pytest

from local.dag_runs import WAITS, DagRun, _now, _words
from local.rest import Json

QUEUED = DagRun(date(2013, 7, 1), "manual", "queued", 0.0, {})


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([], ""),
        ([None], ""),
        (["queued"], "queued"),
        (["running"], "running"),
        (["success"], "done"),
        (["skipped"], "skipped"),
        (["success", "success", "success"], "done 3"),
        (["success", "running", None], "running 1/3"),
        (["success", "queued"], "running 1/2"),
        (["success", "failed", "running"], "failed"),
        (["up_for_retry", "success"], "up for retry"),
        (["upstream_failed"], "upstream failed"),
        (["awaiting_input"], WAITS),
    ],
)
def test_a_task_is_as_far_as_its_copies(states: list[str | None], words: str) -> None:
    assert _words(states) == words


def test_a_run_that_has_ended_is_settled_and_has_taken_its_time() -> None:
    run: Json = {
        "state": "success",
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-01-01T00:00:07.5Z",
    }
    now = _now(QUEUED, run, [{"task_id": "publish", "state": "success"}])
    assert (now.settled, now.published, now.seconds) == (True, True, 7.5)
    assert (now.tasks["publish"], now.tasks["extract"]) == ("done", "")


def test_a_run_that_has_not_started_has_taken_no_time() -> None:
    now = _now(QUEUED, {"state": "queued", "start_date": None, "end_date": None}, [])
    assert (now.settled, now.published, now.seconds) == (False, False, 0)


def test_a_held_run_is_settled_while_its_task_waits_for_a_person() -> None:
    run: Json = {"state": "running", "start_date": "2026-01-01T00:00:00Z", "end_date": None}
    tasks = [{"task_id": "publish", "state": "skipped"}, {"task_id": "decide", "state": "awaiting_input"}]
    now = _now(QUEUED, run, tasks)
    assert (now.settled, now.published) == (True, False)
    assert not _now(QUEUED, run, tasks[:1]).settled
