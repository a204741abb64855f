"""A range of score dates, one after the other: one that fails stops none of the others."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa

from pipeline.errors import NothingToDo, ScoringError, named
from pipeline.runs.publications import Held

Figures = Mapping[str, object]


class State(StrEnum):
    """What became of a score date."""

    DONE = "done"
    SKIPPED = "skipped"  # it was done before
    NOTHING = "nothing"  # there is nothing to do
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """What became of one score date.

    Attributes:
        score_date: the score date.
        state: what became of it.
        figures: what its work returned.
        seconds: how long it took.
        reason: why it is not done; empty where it is.
        error: the whole message of a failure, with its remedy.
    """

    score_date: date
    state: State
    figures: Figures
    seconds: float = 0.0
    reason: str = ""
    error: str = ""


def days_of(first: date, last: date) -> list[date]:
    """Every date of a range, its first and its last among them."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def walk(
    days: list[date],
    work: Callable[[date], Figures],
    skip: Mapping[date, str],
    figures: Callable[[date], Figures] = lambda day: {},
) -> Iterator[Result]:
    """Work on each date of a list, and say what became of it as soon as it is over.

    Args:
        days: the score dates.
        work: is called with each, and returns its figures.
        skip: dates that are left out, each with the reason.
        figures: gives those of a date whose work did not come to its end.
    """
    for day in days:
        if day in skip:
            yield Result(day, State.SKIPPED, {}, reason=skip[day])
            continue
        began = time.monotonic()
        try:
            result = Result(day, State.DONE, work(day))
        except (ScoringError, sa.exc.SQLAlchemyError, adbc.Error, OSError, RuntimeError) as error:
            text = str(error) if isinstance(error, ScoringError) else named(error, str(error))
            reason = text.partition("\n")[0]
            result = Result(day, _state(error), _quietly(figures, day), reason=reason, error=text)
        yield Result(**{**vars(result), "seconds": time.monotonic() - began})


def _state(error: Exception) -> State:
    if isinstance(error, NothingToDo):
        return State.NOTHING
    return State.HELD if isinstance(error, Held) else State.FAILED


def _quietly(figures: Callable[[date], Figures], day: date) -> Figures:
    try:
        return figures(day)
    except sa.exc.SQLAlchemyError:  # what failed may be this very database
        return {}
