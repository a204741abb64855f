"""Is a night unusual? Compared with what the training's own nights do, at a stated rate of false alarms.

A night is a cluster: one weather, one weekday. Its rows differ from the pooled training rows on every night, also in
training, so a test that takes them for independent fires always. What is asked here is how far single training nights
lie from the others, and whether tonight lies further; and how much they changed from one to the next, and whether
tonight changed more (pipeline/monitoring/day_over_day.py).

Each feature's distance is the PSI of its histogram against that of all other nights; beside them the score's, and how
far the number of rows is from the usual on that weekday. A training night's distances are to the nights outside of its
own block, a sixth of the window. benchmarks/README.md tells what was tried, and how well the rate is kept.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import day_over_day
from pipeline.monitoring.calibration import (
    LEAST_LIMIT,
    VOLUME,
    Distance,
    Floats,
    Scale,
    blocks,
    limit_at_rate,
)
from pipeline.monitoring.day_over_day import Last
from pipeline.monitoring.profile import SCORE, Counts, Profile
from pipeline.monitoring.references import Reference

_YARDSTICK = Scale(top=0.9, least=0.1)
# Below this a PSI means nothing, and how it varies neither.
_SMALL_PSI = 0.01
# Nights of one weekday that say what is usual on it.
_ENOUGH_OF_A_WEEKDAY = 4
# Samples drawn where there are no nights to compare with.
_DRAWS = 1000


def psi(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Floats:
    """Population stability index along the last axis; every bin counts half a row more, so that none is empty."""
    first, second = _shares(one), _shares(other)
    found: Floats = ((first - second) * np.log(first / second)).sum(axis=-1)
    return found


def judge(
    reference: Reference, tonight: Profile, score_date: date, rate: float, last: Last | None = None
) -> tuple[Distance, ...]:
    """How far a night is from its model's training nights, the most unusual first.

    Args:
        reference: the training nights.
        tonight: the night's profile.
        score_date: its day, which tells the weekday.
        rate: share of nights like the training's on which anything at all is unusual by chance.
        last: the last night published before, since which a change may be unusual, too.

    Returns:
        nothing for a night without rows.
    """
    if not tonight.rows:
        return ()
    counts = {name: tonight.counts[name] for name in reference.counts}
    if not reference.by_night:
        found = _by_row(reference, counts, rate)
    elif last is not None and day_over_day.known(reference, score_date, last):
        far, moved = _limits(reference, (score_date - last.night).days, rate)
        found = _by_night(reference, counts, score_date, far)
        found += day_over_day.judge(reference, counts, score_date, last, moved)
    else:
        found = _by_night(reference, counts, score_date, _limit(reference, rate))
    return tuple(sorted(found, key=lambda one: -one.unusualness))


def _by_night(
    reference: Reference, tonight: Mapping[str, Counts], score_date: date, limit: float
) -> list[Distance]:
    days = np.array([night.weekday() for night in reference.nights])
    psis = [float(psi(tonight[name], pooled)) for name, pooled in reference.pooled.items()]
    rows = int(next(iter(tonight.values())).sum())
    off = _off(rows, score_date.weekday(), reference.rows, days)
    mine = np.array([*_log(np.array(psis)), abs(off)])
    what = (*reference.counts, VOLUME)
    return _YARDSTICK.distances(what, (*psis, off), mine, _training(reference), limit)


@lru_cache(maxsize=8)
def _training(reference: Reference) -> Floats:
    """Each training night's statistics against the nights of the other blocks; shape (nights, columns + 1)."""
    block = blocks(len(reference.nights))
    days = np.array([night.weekday() for night in reference.nights])
    found = np.empty((len(block), len(reference.counts) + 1))
    for number in range(block[-1] + 1):
        inside, outside = block == number, block != number
        for place, counts in enumerate(reference.counts.values()):
            apart = psi(counts[inside], counts[outside].sum(axis=0))
            found[inside, place] = _log(apart)
        found[inside, -1] = [
            abs(_off(reference.rows[night], days[night], reference.rows[outside], days[outside]))
            for night in np.flatnonzero(inside)
        ]
    return found


@lru_cache(maxsize=8)
def _limit(reference: Reference, rate: float) -> float:
    """What the distances of so many training nights exceed."""
    return max(limit_at_rate(_YARDSTICK.largest(_training(reference)), rate), LEAST_LIMIT)


@lru_cache(maxsize=8)
def _limits(reference: Reference, days: int, rate: float) -> tuple[float, float]:
    """What so many training nights exceed with a distance, or with a change over so many days, both as often."""
    far = _YARDSTICK.largest(_training(reference))
    places, moved = day_over_day.largest(reference, days)
    apart = [max(limit_at_rate(largest, rate / 2), LEAST_LIMIT) for largest in (far, moved)]
    # Some exceed both, so that together they are fewer than the rate says: each limit is as much too high.
    either = far / apart[0]
    either[places] = np.maximum(either[places], moved / apart[1])
    share = limit_at_rate(either, rate)
    return max(apart[0] * share, LEAST_LIMIT), max(apart[1] * share, LEAST_LIMIT)


def _log(psis: Floats) -> Floats:
    found: Floats = np.log(_SMALL_PSI + psis)
    return found


def _off(rows: int, weekday: int, usual: Counts, weekdays: Counts) -> float:
    """How far a number of rows is from the usual on that weekday, as the logarithm of their ratio."""
    same = usual[weekdays == weekday]
    expected = np.median(same if len(same) >= _ENOUGH_OF_A_WEEKDAY else usual)
    return float(np.log(max(rows, 0.5) / max(expected, 0.5)))


def _by_row(reference: Reference, tonight: Mapping[str, Counts], rate: float) -> list[Distance]:
    """As if rows were independent: samples of tonight's size and of the reference's, drawn from the reference."""
    names = [name for name in reference.counts if name != SCORE]
    psis = [float(psi(tonight[name], reference.pooled[name])) for name in names]
    normal = _log(
        np.column_stack([_drawn(reference.pooled[name], int(tonight[name].sum())) for name in names])
    )
    limit = max(limit_at_rate(_YARDSTICK.scaled(normal, normal).max(axis=1), rate), LEAST_LIMIT)
    return _YARDSTICK.distances(names, psis, _log(np.array(psis)), normal, limit, weak=True)


def _drawn(pooled: Counts, rows: int) -> Floats:
    random = np.random.default_rng(rows)
    shares = _shares(pooled)
    return psi(random.multinomial(rows, shares, _DRAWS), random.multinomial(pooled.sum(), shares, _DRAWS))


def _shares(counts: npt.NDArray[np.integer]) -> Floats:
    found: Floats = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 0.5 * counts.shape[-1])
    return found
