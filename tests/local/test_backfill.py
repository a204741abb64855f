"""Airflow's states in words, and days in the job's time zone."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from local.backfill import _night, _words
from local.rest import Json


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
    ],
)
def test_a_task_is_as_far_as_its_copies(states: list[str | None], words: str) -> None:
    assert _words(states) == words


def test_a_night_is_the_local_day_on_which_it_is_due() -> None:
    run: Json = {
        "logical_date": "2013-07-02T03:30:00Z",
        "state": "success",
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-01-01T00:00:07.5Z",
    }
    night = _night(run, [{"task_id": "extract", "state": "success"}], ZoneInfo("America/New_York"))
    assert night.day == date(2013, 7, 1)
    assert night.seconds == 7.5
    assert night.tasks["extract"] == "done"
    assert night.tasks["publish"] == ""


def test_a_run_that_has_not_started_has_taken_no_time() -> None:
    run: Json = {
        "logical_date": "2013-07-02T06:00:00Z",
        "state": "queued",
        "start_date": None,
        "end_date": None,
    }
    assert _night(run, [], ZoneInfo("America/New_York")).seconds == 0
