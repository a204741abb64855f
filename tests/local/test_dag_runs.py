"""Airflow's states in words, and when nothing more comes of a run."""

from datetime import date

import pytest

from local.dag_runs import TASKS, WAITS, DagRun, _seconds, _words
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
        (["success", "running", None], "1/3"),
        (["success", "queued"], "1/2"),
        (["success", "failed", "running"], "failed"),
        (["up_for_retry", "success"], "up for retry"),
        (["upstream_failed"], "upstream failed"),
        (["awaiting_input"], WAITS),
    ],
)
def test_a_task_is_as_far_as_its_copies(states: list[str | None], words: str) -> None:
    assert _words(states) == words


def test_a_run_takes_from_the_start_of_its_first_task_to_the_end_of_its_last() -> None:
    tasks: list[Json] = [
        {"start_date": "2026-01-01T00:00:03Z", "end_date": "2026-01-01T00:00:07.5Z"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-01T00:00:02Z"},
        {"start_date": None, "end_date": None},
    ]
    assert _seconds(tasks, ended=True) == 7.5
    assert _seconds(tasks, ended=False) > 7.5


def test_a_run_that_has_not_started_has_taken_no_time() -> None:
    assert _seconds([{"start_date": None, "end_date": None}], ended=False) == 0


@pytest.mark.parametrize(
    ("state", "tasks", "facts"),
    [
        ("running", {}, (False, False, False)),
        ("running", {"write": "1/2"}, (False, False, False)),
        ("running", {"write": "done 2"}, (False, True, False)),
        ("running", {"write": "done", "publish": "done"}, (False, True, True)),
        ("success", {"write": "done", "publish": "done", "decide": "skipped"}, (True, True, True)),
        ("success", {"write": "skipped", "publish": "skipped"}, (True, True, False)),
        ("running", {"write": "done", "publish": "skipped"}, (False, True, False)),
        ("running", {"write": "done", "publish": "skipped", "decide": WAITS}, (True, True, False)),
    ],
)
def test_a_run_is_settled_when_it_has_ended_or_waits_for_a_person(
    state: str, tasks: dict[str, str], facts: tuple[bool, bool, bool]
) -> None:
    run = DagRun(date(2013, 7, 1), "manual", state, 0.0, {**dict.fromkeys(TASKS, ""), **tasks})
    assert (run.settled, run.written, run.published) == facts
