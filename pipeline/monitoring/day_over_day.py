"""Is the change since the last score date unusual? Compared with how training's own days changed, as many days apart.

A season moves slowly: what a day of summer may be in winter, it cannot be on the day after one of summer. So a change
shows what lies within all that training saw, such as temperatures that come in Celsius one day.

The distance is the area between the two days' cumulative histograms (the earth mover's distance, Rubner, Tomasi and
Guibas 2000, with bins of equal width): by how many bins the rows moved on average. Between categories, which have no
order, every move counts 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from pipeline.monitoring.bins import Bins, Counts
from pipeline.monitoring.calibration import Distance, Floats, Scale
from pipeline.monitoring.references import ENOUGH_DAYS, Reference

_SCALE = Scale(top=0.95, least=0.2)


@dataclass(frozen=True)
class PreviousRun:
    """The run that is published for the last score date before.

    Attributes:
        score_date: its score date.
        counts: of the columns that had the same bins then.
    """

    score_date: date
    counts: Mapping[str, Counts]


def comparable(reference: Reference, score_date: date, previous: PreviousRun) -> bool:
    """Whether the previous run has every column, and training shows how days change over so many days."""
    gap = (score_date - previous.score_date).days
    return set(reference.counts) <= set(previous.counts) and enough(reference, gap)


def enough(reference: Reference, days: int) -> bool:
    """Whether training shows how days change over so many days."""
    return len(_pairs(reference, days)[0]) >= ENOUGH_DAYS


def distances(
    reference: Reference,
    counts: Mapping[str, Counts],
    score_date: date,
    previous: PreviousRun,
    limit: float,
) -> list[Distance]:
    """How much each column changed since the previous run.

    Args:
        reference: the training days.
        counts: the run's, of each column of the reference.
        score_date: the run's.
        previous: the run before, where it is `comparable`.
        limit: what no ordinary change exceeds, on the scale of `max_statistic`.
    """
    normal = _training(reference, (score_date - previous.score_date).days)
    moved = np.array(
        [_moved(reference.bins[name], counts[name], previous.counts[name]) for name in reference.counts]
    )
    columns = tuple(reference.counts)
    return _SCALE.distances(columns, moved.tolist(), moved, normal, limit, since=previous.score_date)


def max_statistic(reference: Reference, days: int) -> tuple[list[int], Floats]:
    """The places of the training days that have one so many days before, and the largest change of each."""
    return _pairs(reference, days)[0], _SCALE.max_statistic(_training(reference, days))


def training_unusualness(reference: Reference, days: int, limit: float) -> tuple[list[int], Floats]:
    """The places of these training days, and by column how unusual the change of each is, in units of the limit."""
    return _pairs(reference, days)[0], _SCALE.scaled_by_others(_training(reference, days)) / limit


@lru_cache(maxsize=8)
def _training(reference: Reference, days: int) -> Floats:
    """How much each training day changed since the one so many days before; shape (days, columns)."""
    later, before = _pairs(reference, days)
    return np.column_stack(
        [
            _moved(reference.bins[name], counts[later], counts[before])
            for name, counts in reference.counts.items()
        ]
    )


def _pairs(reference: Reference, days: int) -> tuple[list[int], list[int]]:
    """The places of the training days that have one so many days before, and the places of those."""
    place = {day.toordinal(): number for number, day in enumerate(reference.training_days)}
    pairs = [(number, place[day - days]) for day, number in place.items() if day - days in place]
    return [later for later, _ in pairs], [before for _, before in pairs]


def _moved(bins: Bins, after: Counts, before: Counts) -> Floats:
    """By how many bins the rows moved, along the last axis."""
    change = _shares(after) - _shares(before)
    if bins.kind == "edges":
        moved: Floats = np.abs(change.cumsum(axis=-1)).sum(axis=-1)
    else:
        moved = np.abs(change).sum(axis=-1) / 2
    return moved


def _shares(counts: Counts) -> Floats:
    shares: Floats = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    return shares
