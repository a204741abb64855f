"""How far windows of 7 and of 28 training days lie from the others, and so what is unusual over as many runs.

Counts over fixed bins add up, so a window is a sum. What a single day hides among its own weather stays small in a sum
of many days, unless it is there on all of them. A window stands for the days that end in one block, a sixth of the
training days; its distance is to all days that no window of its block has.

In whatever a day is unusual by itself, it is left out: it has had its finding, and one day of rain would be seen for
weeks. The same holds for runs.

Few windows fit side by side into the training days, so the limit is no quantile of theirs. It is what the next one
exceeds at the rate if the upper half of the largest statistics' square roots is normal: Student's prediction interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import drift
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import (
    LEAST_LIMIT,
    VOLUME,
    Distance,
    Floats,
    Scale,
    blocks,
    next_beyond,
)
from pipeline.monitoring.references import Reference

# Published runs that are pooled: whole weeks, as weekdays differ.
SIZES = (7, 28)
# So many windows have to fit side by side into the training days.
ENOUGH = 4

_SCALE = Scale(top=0.9, least=0.1)
# Smaller than for a single day, whose chance is larger.
_SMALL_PSI = 0.002

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PooledRuns:
    """Runs whose rows are counted together.

    Attributes:
        size: how many there are.
        counts: by column, of the runs in which it was not unusual.
        runs: by column, how many these are.
        rows: by score date, of the runs whose number of rows was not unusual.
    """

    size: int
    counts: Mapping[str, Counts]
    runs: Mapping[str, int]
    rows: Mapping[date, int]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of so many training days.

    Attributes:
        days: of each.
        ordinary: by column, the counts of the days on which it was not unusual.
        statistics: of each window against the days outside of its block; shape (windows, columns + 1).
        largest: of the windows whose block leaves enough others, the largest statistic, scaled by those.
        side_by_side: how many windows fit into the training days.
    """

    days: int
    ordinary: Mapping[str, Counts]
    statistics: Floats
    largest: Floats
    side_by_side: float

    def limit(self, rate: float) -> float:
        """What the next window exceeds with this probability."""
        roots = np.sqrt(np.maximum(self.largest, 0))
        return max(next_beyond(roots, rate, self.side_by_side) ** 2, LEAST_LIMIT)


def enough(reference: Reference, size: int) -> bool:
    """Whether the training days are enough to know what windows of this size are like."""
    return reference.by_day and len(reference.training_days) >= ENOUGH * size


def ends(days: Sequence[date], size: int) -> npt.NDArray[np.intp]:
    """The places of the days with which a window ends; days that lie far apart are in none."""
    numbers = np.array([day.toordinal() for day in days])
    last = np.arange(size - 1, len(days))
    near: npt.NDArray[np.intp] = last[numbers[last] - numbers[last - size + 1] < 2 * size]
    return near


def distances(reference: Reference, runs: PooledRuns, windows: Windows, limit: float) -> list[Distance]:
    """How far pooled runs are from the training days, by column; nothing of a column that most of them lack."""
    weekdays = _weekdays(reference)
    names, values, statistics, places = [], [], [], []
    for place, (name, ordinary) in enumerate(windows.ordinary.items()):
        if runs.runs[name] * 2 > runs.size:
            psi = float(drift.psi(runs.counts[name], ordinary))
            names.append(name)
            values.append(psi)
            statistics.append(np.log(_SMALL_PSI + psi))
            places.append(place)
    if len(runs.rows) * 2 > runs.size:
        ratios = [drift.off(rows, day.weekday(), reference.rows, weekdays) for day, rows in runs.rows.items()]
        names.append(VOLUME)
        values.append(float(np.mean(ratios)))
        statistics.append(abs(values[-1]))
        places.append(len(windows.ordinary))
    normal = windows.statistics[:, places]
    distances = _SCALE.distances(names, values, np.array(statistics), normal, limit)
    return [replace(distance, runs=runs.size) for distance in distances]


@lru_cache(maxsize=8)
def of(reference: Reference, size: int, rate: float) -> Windows | None:
    """The windows of training days; None where there are too few.

    Args:
        reference: the training days.
        size: days of each.
        rate: share of days that are unusual by themselves, and are left out.
    """
    if not enough(reference, size):
        return None
    ordinary = drift.training_unusualness(reference, rate) <= 1
    last = ends(reference.training_days, size)
    last = last[(_summed(ordinary, last, size) * 2 > size).all(axis=1)]
    statistics, largest = np.empty((len(last), ordinary.shape[1])), []
    for inside, covered in _blocks(len(ordinary), last, size):
        statistics[inside] = _statistics(reference, ordinary, last[inside], size, ~covered)
    for inside, covered in _blocks(len(ordinary), last, size):
        others = ~(covered[last] | covered[last - size + 1])
        if others.sum() >= size and inside.any():
            largest.append(_SCALE.scaled(statistics[inside], statistics[others]).max(axis=1))
    if sum(map(len, largest)) < size:
        return None
    counts = {
        name: counts[ordinary[:, place]].sum(axis=0)
        for place, (name, counts) in enumerate(reference.counts.items())
    }
    return Windows(size, counts, statistics, np.concatenate(largest), len(ordinary) / size)


def _blocks(days: int, last: npt.NDArray[np.intp], size: int) -> Iterator[tuple[Bools, Bools]]:
    """Of each block, which windows end in it, and which days these have."""
    block = blocks(days)
    for number in range(block[-1] + 1):
        places = np.flatnonzero(block == number)
        covered = np.zeros(days, bool)
        covered[max(places[0] - size + 1, 0) : places[-1] + 1] = True
        yield block[last] == number, covered


def _statistics(
    reference: Reference, ordinary: Bools, last: npt.NDArray[np.intp], size: int, outside: Bools
) -> Floats:
    """Of windows that end on these days, against the days outside."""
    columns = []
    for place, counts in enumerate(reference.counts.values()):
        kept = counts * ordinary[:, place, None]
        columns.append(np.log(_SMALL_PSI + drift.psi(_summed(kept, last, size), kept[outside].sum(axis=0))))
    weekdays = _weekdays(reference)
    ratios = np.zeros(len(weekdays))
    for day in np.flatnonzero(~outside & ordinary[:, -1]):
        rows, weekday = int(reference.rows[day]), int(weekdays[day])
        ratios[day] = drift.off(rows, weekday, reference.rows[outside], weekdays[outside])
    of_rows = _summed(ratios[:, None], last, size) / _summed(ordinary[:, -1:], last, size)
    return np.column_stack([*columns, np.abs(of_rows)])


def _summed(values: npt.NDArray[Any], last: npt.NDArray[np.intp], size: int) -> npt.NDArray[Any]:
    """The sums of windows, along the first axis."""
    sums = np.cumsum(values, axis=0)
    first = last - size
    summed: npt.NDArray[Any] = sums[last] - np.where((first >= 0)[:, None], sums[first], 0)
    return summed


def _weekdays(reference: Reference) -> Counts:
    return np.array([day.weekday() for day in reference.training_days])
