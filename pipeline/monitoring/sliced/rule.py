"""Is the run unusual in one value of a slice? Compared with what training's own days do there, at a stated rate.

A fault in one carrier's rows moves no column of all rows, for these are few; within the carrier it moves everything. So
each column is looked at within each value of the job's slices that has rows enough. A distance is the PSI to what is
expected there: the training's shares, moved as the run's other rows moved. Shares of few rows are apart by chance, and
are drawn towards these.

How large such a PSI may be differs from value to value and from column to column. So each is held against the farthest
training day of that value and column. By which factor the next day exceeds that, somewhere among all of them, the
training days say themselves, each held against the days outside of its own block, a sixth of the window. The rate is a
small part of what all looks have, and few of those days exceed: so the limit is Student's prediction interval of the
factors' logarithms. A column in which a day, or a run, is unusual as a whole is left out: that is no fault of one
slice, and has its finding.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import drift
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import Floats, blocks, next_beyond
from pipeline.monitoring.references import ENOUGH_DAYS, Reference
from pipeline.monitoring.sliced import expected
from pipeline.monitoring.sliced.grid import SliceCounts

# Fewer rows of a value say nothing of it.
LEAST_ROWS = 20
# Below this a PSI of so few rows means little.
_SMALL_PSI = 0.1
# Of fewer training days the farthest is exceeded too often.
ENOUGH = 60
# Neighbouring days are alike: two weeks of them know as much as one day.
_ALIKE = 14

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SliceDistance:
    """How far the rows of one value of a slice are from the training days', in one column.

    Attributes:
        sliced: the slice's column.
        value: its value.
        column: the feature, or `SCORE`.
        psi: of the rows with that value, against those of the training days.
        limit: what would be unusual.
        farthest: the PSI of the farthest training day.
        days: training days that had rows enough with that value.
    """

    sliced: str
    value: str
    column: str
    psi: float
    limit: float
    farthest: float
    days: int

    @property
    def unusualness(self) -> float:
        """The distance on the scale on which 1 is the limit."""
        return (self.psi + _SMALL_PSI) / (self.limit + _SMALL_PSI)

    @property
    def unusual(self) -> bool:
        """Whether it lies beyond the limit."""
        return self.unusualness > 1


@dataclass(frozen=True, eq=False)
class _Cells:
    """One slice's values and columns, on the training days.

    Attributes:
        columns: those that are looked at.
        psis: of each training day against the days of the other blocks; of shape (days, values, columns); NaN where a
            day has few rows with the value, or is unusual in the column as a whole.
        enough: values and columns for which there are days enough.
    """

    columns: tuple[str, ...]
    psis: Floats
    enough: Bools

    @property
    def farthest(self) -> Floats:
        """The largest PSI of each value and column."""
        return _largest(self.psis)


def enough(reference: Reference) -> bool:
    """Whether the training days are enough to know what days are like within slices."""
    return len(reference.training_days) >= ENOUGH


def distances(
    reference: Reference,
    counts: SliceCounts,
    rates: tuple[float, float],
    unusual: Collection[str] = (),
) -> tuple[SliceDistance, ...]:
    """How far each value of each slice is from the training days, the most unusual first.

    Args:
        reference: the training days.
        counts: the run's, by slice, over the reference's grid.
        rates: of the look at all rows, and of this one: shares of ordinary days on which anything is unusual.
        unusual: columns in which the run is so as a whole.
    """
    names = tuple(sorted(counts))
    limit = _limit(reference, names, *rates)
    every = [
        distance
        for name in names
        for distance in _of(reference, name, counts[name], rates[0], limit, unusual)
    ]
    return tuple(sorted(every, key=lambda distance: -distance.unusualness))


def _of(
    reference: Reference, name: str, counts: Counts, alone: float, limit: float, unusual: Collection[str]
) -> Iterator[SliceDistance]:
    cells, grid = _cells(reference, name, alone), reference.slices.grid
    training, farthest = reference.slices.counts(name).sum(axis=0), cells.farthest
    for place, column in enumerate(cells.columns):
        at = grid.places[column]
        psis, rows = expected.psi(counts[:, at], training[:, at], LEAST_ROWS), counts[:-1, at].sum(axis=1)
        for number in np.flatnonzero(cells.enough[:, place] & (rows >= LEAST_ROWS)):
            if column not in unusual:
                far = float(farthest[number, place])
                yield SliceDistance(
                    name,
                    grid.values[name][number],
                    column,
                    float(psis[number]),
                    (far + _SMALL_PSI) * limit - _SMALL_PSI,
                    far,
                    int(np.isfinite(cells.psis[:, number, place]).sum()),
                )


@lru_cache(maxsize=8)
def _limit(reference: Reference, names: tuple[str, ...], alone: float, rate: float) -> float:
    """By which factor the distances of so many training days exceed the farthest of the others."""
    block = blocks(len(reference.training_days))
    largest = np.full(len(block), -np.inf)
    for name in names:
        cells = _cells(reference, name, alone)
        psis = np.where(cells.enough, cells.psis, np.nan)
        for number in range(block[-1] + 1):
            inside, outside = block == number, block != number
            beyond = (psis[inside] + _SMALL_PSI) / (_largest(psis[outside]) + _SMALL_PSI)
            largest[inside] = np.fmax(largest[inside], _largest(beyond.reshape(len(beyond), -1).T))
    # A day that has no value with rows enough says nothing.
    factors = np.log(largest[largest > 0])
    return float(np.exp(max(next_beyond(factors, rate, len(block) / _ALIKE), 0))) if len(factors) else np.inf


@lru_cache(maxsize=32)
def _cells(reference: Reference, name: str, alone: float) -> _Cells:
    """A slice's values and columns, but its own, which is the same in all rows of a value."""
    grid, counts = reference.slices.grid, reference.slices.counts(name)
    block = blocks(len(counts))
    columns = tuple(column for column in grid.bins if column != name)
    ordinary = dict(
        zip(reference.counts, (drift.training_unusualness(reference, alone) <= 1).T, strict=False)
    )
    psis = np.full((len(counts), counts.shape[1] - 1, len(columns)), np.nan)
    for place, column in enumerate(columns):
        here = counts[:, :, grid.places[column]]
        looked_at = (here[:, :-1].sum(axis=-1) >= LEAST_ROWS) & ordinary[column][:, None]
        for number in range(block[-1] + 1):
            inside = block == number
            distance = expected.psi(here[inside], here[~inside].sum(axis=0), LEAST_ROWS)
            psis[inside, :, place] = np.where(looked_at[inside], distance, np.nan)
    return _Cells(columns, psis, np.isfinite(psis).sum(axis=0) >= ENOUGH_DAYS)


def _largest(values: Floats) -> Floats:
    """The largest along the first axis, apart from NaN; below all numbers where there is none."""
    largest: Floats = np.where(np.isfinite(values), values, -np.inf).max(axis=0, initial=-np.inf)
    return largest
