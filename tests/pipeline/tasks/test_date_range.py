"""pipeline/tasks/date_range.py: what becomes of each date of a range, whatever becomes of the others."""

from collections.abc import Mapping
from datetime import date

import pytest
import sqlalchemy as sa

from pipeline.errors import NothingToDo, ScoringError
from pipeline.runs.publications import Held
from pipeline.tasks.date_range import State, days_of, walk

DAYS = days_of(date(2024, 2, 28), date(2024, 3, 2))


def test_the_first_and_the_last_date_are_of_the_range() -> None:
    assert [day.day for day in DAYS] == [28, 29, 1, 2]
    assert days_of(DAYS[0], DAYS[0]) == DAYS[:1]


def test_a_date_that_fails_stops_none_of_the_others() -> None:
    errors = iter([ScoringError("no\nmore"), Held("held"), NothingToDo("no rows"), OSError("disk")])

    def work(day: date) -> Mapping[str, object]:
        raise next(errors)

    results = list(walk(DAYS, work, {}, lambda day: {"run": day.day}))
    assert [result.state for result in results] == [State.FAILED, State.HELD, State.NOTHING, State.FAILED]
    assert [result.reason for result in results] == ["no", "held", "no rows", "disk"]
    assert results[0].error == "no\nmore"
    assert [result.figures for result in results] == [{"run": day.day} for day in DAYS]


def test_a_date_that_is_skipped_is_not_worked_on() -> None:
    worked: list[date] = []

    def work(day: date) -> Mapping[str, object]:
        worked.append(day)
        return {"rows": 1}

    results = list(walk(DAYS, work, {DAYS[1]: "run 7 is published"}))
    assert worked == [DAYS[0], *DAYS[2:]]
    assert [result.state for result in results] == [State.DONE, State.SKIPPED, State.DONE, State.DONE]
    assert results[1].reason == "run 7 is published"
    assert results[0].figures == {"rows": 1}


def test_figures_that_cannot_be_had_hide_no_failure() -> None:
    def work(day: date) -> Mapping[str, object]:
        raise ScoringError("the cause")

    def figures(day: date) -> Mapping[str, object]:
        raise sa.exc.OperationalError("", {}, OSError("gone"))

    [result] = walk(DAYS[:1], work, {}, figures)
    assert (result.state, result.reason, result.figures) == (State.FAILED, "the cause", {})


def test_a_fault_of_the_program_is_not_taken_for_a_date_that_failed() -> None:
    def work(day: date) -> Mapping[str, object]:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        list(walk(DAYS, work, {}))
