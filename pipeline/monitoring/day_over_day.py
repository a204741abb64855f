"""Is the change since the last night unusual? Compared with how training's own nights changed, as many days apart.

A season moves slowly: what a night of summer may be in winter, it cannot be on the day after one of summer. So a change
tells of what lies within all that training saw, such as temperatures that come in Celsius one day.

The distance is the area between the two nights' cumulative histograms (the earth mover's distance, Rubner, Tomasi and
Guibas 2000, with bins of equal width): by how many bins the rows moved on average. Between categories, which have no
order, every move counts 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from pipeline.monitoring.calibration import Distance, Floats, Scale
from pipeline.monitoring.profile import Bins, Counts
from pipeline.monitoring.references import ENOUGH_NIGHTS, Reference

_YARDSTICK = Scale(top=0.95, least=0.2)


@dataclass(frozen=True)
class Last:
    """The last night published before.

    Attributes:
        night: its day.
        counts: of the columns that had the same bins then.
    """

    night: date
    counts: Mapping[str, Counts]


def known(reference: Reference, night: date, last: Last) -> bool:
    """Whether the last night has every column, and training tells how nights change over so many days."""
    places, _ = _pairs(reference, (night - last.night).days)
    return set(reference.counts) <= set(last.counts) and len(places) >= ENOUGH_NIGHTS


def judge(
    reference: Reference, tonight: Mapping[str, Counts], night: date, last: Last, limit: float
) -> list[Distance]:
    """How much each column changed since the last night.

    Args:
        reference: the training nights.
        tonight: the counts of each of its columns.
        night: tonight's day.
        last: the night before, where its change is `known` to be comparable.
        limit: what no ordinary change exceeds, on the scale of `largest`.
    """
    normal = _training(reference, (night - last.night).days)
    mine = np.array(
        [_moved(reference.bins[name], tonight[name], last.counts[name]) for name in reference.counts]
    )
    return _YARDSTICK.distances(tuple(reference.counts), mine.tolist(), mine, normal, limit, since=last.night)


def largest(reference: Reference, days: int) -> tuple[list[int], Floats]:
    """The places of the training nights that have one so many days before, and the largest change of each."""
    return _pairs(reference, days)[0], _YARDSTICK.largest(_training(reference, days))


@lru_cache(maxsize=8)
def _training(reference: Reference, days: int) -> Floats:
    """How much each training night changed since the one so many days before; shape (nights, columns)."""
    later, before = _pairs(reference, days)
    return np.column_stack(
        [
            _moved(reference.bins[name], counts[later], counts[before])
            for name, counts in reference.counts.items()
        ]
    )


def _pairs(reference: Reference, days: int) -> tuple[list[int], list[int]]:
    """The places of the training nights that have one so many days before, and the places of those."""
    place = {night.toordinal(): number for number, night in enumerate(reference.nights)}
    pairs = [(number, place[day - days]) for day, number in place.items() if day - days in place]
    return [later for later, _ in pairs], [before for _, before in pairs]


def _moved(bins: Bins, one: Counts, other: Counts) -> Floats:
    """By how many bins the rows moved, along the last axis."""
    apart = _shares(one) - _shares(other)
    if bins.kind == "edges":
        found: Floats = np.abs(apart.cumsum(axis=-1)).sum(axis=-1)
    else:
        found = np.abs(apart).sum(axis=-1) / 2
    return found


def _shares(counts: Counts) -> Floats:
    found: Floats = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    return found
