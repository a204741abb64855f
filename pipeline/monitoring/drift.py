"""Is a run unusual? Compared with what the training's own days do, at a stated rate of false alarms.

A day is a cluster: one weather, one weekday. Its rows differ from the pooled training rows on every day, also in
training, so a test that takes them for independent fires always. What is asked here is how far single training days
lie from the others, and whether the run lies further; and how much they changed from one to the next, and whether the
run changed more (pipeline/monitoring/day_over_day.py).

Each feature's distance is the PSI of its histogram against that of all other days; beside them the score's, and how
far the number of rows is from the usual on that weekday. A training day's distances are to the days outside of its own
block, a sixth of the window. benchmarks/README.md tells what was tried, and how well the rate is kept.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import day_over_day
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import (
    LEAST_LIMIT,
    VOLUME,
    Distance,
    Floats,
    Scale,
    blocks,
    limit_at_rate,
)
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.references import Reference

_SCALE = Scale(top=0.9, least=0.1)
# Below this a PSI means nothing, and how it varies neither.
_SMALL_PSI = 0.01
# Days of one weekday that show what is usual on it.
_ENOUGH_OF_A_WEEKDAY = 4
# Samples drawn where there are no training days to compare with.
_DRAWS = 1000


def psi(counts: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Floats:
    """Population stability index along the last axis; every bin counts half a row more, so that none is empty."""
    first, second = _shares(counts), _shares(other)
    index: Floats = ((first - second) * np.log(first / second)).sum(axis=-1)
    return index


def distances(
    reference: Reference,
    profile: Profile,
    score_date: date,
    rate: float,
    previous: PreviousRun | None = None,
) -> tuple[Distance, ...]:
    """How far a run is from its model's training days, the most unusual first.

    Args:
        reference: the training days.
        profile: the run's.
        score_date: the run's, which tells the weekday.
        rate: share of days like the training's on which anything at all is unusual by chance.
        previous: the run of the last score date before, since which a change may be unusual, too.

    Returns:
        nothing for a run without rows.
    """
    if not profile.rows:
        return ()
    counts = {name: profile.counts[name] for name in reference.counts}
    if not reference.by_day:
        every = _by_row(reference, counts, rate)
    elif previous is not None and day_over_day.comparable(reference, score_date, previous):
        far, moved = _limits(reference, (score_date - previous.score_date).days, rate)
        every = _by_day(reference, counts, score_date, far)
        every += day_over_day.distances(reference, counts, score_date, previous, moved)
    else:
        every = _by_day(reference, counts, score_date, _limit(reference, rate))
    return tuple(sorted(every, key=lambda distance: -distance.unusualness))


@lru_cache(maxsize=8)
def training_unusualness(reference: Reference, rate: float) -> Floats:
    """How unusual each training day is, in units of the limit: by column, and last by its number of rows."""
    far = _SCALE.scaled_by_others(_training(reference))
    if not day_over_day.enough(reference, 1):
        unusualness: Floats = far / _limit(reference, rate)
        return unusualness
    limits = _limits(reference, 1, rate)
    unusualness = far / limits[0]
    places, changed = day_over_day.training_unusualness(reference, 1, limits[1])
    unusualness[places, :-1] = np.maximum(unusualness[places, :-1], changed)
    return unusualness


def _by_day(
    reference: Reference, counts: Mapping[str, Counts], score_date: date, limit: float
) -> list[Distance]:
    weekdays = np.array([day.weekday() for day in reference.training_days])
    psis = [float(psi(counts[name], pooled)) for name, pooled in reference.pooled.items()]
    rows = int(next(iter(counts.values())).sum())
    ratio = off(rows, score_date.weekday(), reference.rows, weekdays)
    statistics = np.array([*_log(np.array(psis)), abs(ratio)])
    columns = (*reference.counts, VOLUME)
    return _SCALE.distances(columns, (*psis, ratio), statistics, _training(reference), limit)


@lru_cache(maxsize=8)
def _training(reference: Reference) -> Floats:
    """Each training day's statistics against the days of the other blocks; shape (days, columns + 1)."""
    block = blocks(len(reference.training_days))
    weekdays = np.array([day.weekday() for day in reference.training_days])
    statistics = np.empty((len(block), len(reference.counts) + 1))
    for number in range(block[-1] + 1):
        inside, outside = block == number, block != number
        for place, counts in enumerate(reference.counts.values()):
            statistics[inside, place] = _log(psi(counts[inside], counts[outside].sum(axis=0)))
        statistics[inside, -1] = [
            abs(off(reference.rows[day], weekdays[day], reference.rows[outside], weekdays[outside]))
            for day in np.flatnonzero(inside)
        ]
    return statistics


@lru_cache(maxsize=8)
def _limit(reference: Reference, rate: float) -> float:
    """What the distances of so many training days exceed."""
    return max(limit_at_rate(_SCALE.max_statistic(_training(reference)), rate), LEAST_LIMIT)


@lru_cache(maxsize=8)
def _limits(reference: Reference, days: int, rate: float) -> tuple[float, float]:
    """What so many training days exceed with a distance, or with a change over so many days, both as often."""
    far = _SCALE.max_statistic(_training(reference))
    places, moved = day_over_day.max_statistic(reference, days)
    limits = [max(limit_at_rate(statistic, rate / 2), LEAST_LIMIT) for statistic in (far, moved)]
    # Some exceed both, so that together they are fewer than the rate says: each limit is as much too high.
    either = far / limits[0]
    either[places] = np.maximum(either[places], moved / limits[1])
    share = limit_at_rate(either, rate)
    return max(limits[0] * share, LEAST_LIMIT), max(limits[1] * share, LEAST_LIMIT)


def _log(psis: Floats) -> Floats:
    logarithms: Floats = np.log(_SMALL_PSI + psis)
    return logarithms


def off(rows: int, weekday: int, usual: Counts, weekdays: Counts) -> float:
    """How far a number of rows is from the usual on that weekday, as the logarithm of their ratio."""
    same = usual[weekdays == weekday]
    expected = np.median(same if len(same) >= _ENOUGH_OF_A_WEEKDAY else usual)
    return float(np.log(max(rows, 0.5) / max(expected, 0.5)))


def _by_row(reference: Reference, counts: Mapping[str, Counts], rate: float) -> list[Distance]:
    """As if rows were independent: samples of the run's size and of the reference's, drawn from the reference."""
    names = [name for name in reference.counts if name != SCORE]
    psis = [float(psi(counts[name], reference.pooled[name])) for name in names]
    normal = _log(
        np.column_stack([_drawn(reference.pooled[name], int(counts[name].sum())) for name in names])
    )
    limit = max(limit_at_rate(_SCALE.scaled(normal, normal).max(axis=1), rate), LEAST_LIMIT)
    return _SCALE.distances(names, psis, _log(np.array(psis)), normal, limit, weak=True)


def _drawn(pooled: Counts, rows: int) -> Floats:
    random = np.random.default_rng(rows)
    shares = _shares(pooled)
    return psi(random.multinomial(rows, shares, _DRAWS), random.multinomial(pooled.sum(), shares, _DRAWS))


def _shares(counts: npt.NDArray[np.integer]) -> Floats:
    shares: Floats = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 0.5 * counts.shape[-1])
    return shares
