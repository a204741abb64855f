"""Is a night unusual? Compared with what the training's own nights do, at a stated rate of false alarms.

A night is a cluster: one weather, one weekday. Its rows differ from the pooled training rows on every night, also in
training, so a test that takes them for independent fires always. What is asked here is how far single training nights
lie from the others, and whether tonight lies further.

Each feature's distance is the PSI of its histogram against that of all other nights; beside them the score's, and how
far the number of rows is from the usual on that weekday. Each is put on one scale: 0 for the median of the training's
nights, 1 for the night that only a tenth of them exceed. The largest of a night is its unusualness. The limit is what
`false_alarm_rate` of the training's nights exceed, each held against the others without its own month or so.
benchmarks/README.md tells what was tried, and how well the rate is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.profile import SCORE, Counts, Profile
from pipeline.references import Reference

Floats = npt.NDArray[np.float64]

# No feature's name: the night's rows.
VOLUME = "\0rows"

# Neighbouring nights share season and weather: the nights of one such piece of the training window leave it together.
# With shorter pieces the neighbours that stay make a night look nearer than nights to come will be.
BLOCKS = 6
# Below this a PSI means nothing, and how it varies neither.
_SMALL_PSI = 0.01
# A statistic that hardly varies among the training's nights would make mountains of nothing,
_LEAST_SPREAD = 0.1
# and so would a limit at which nights are still alike.
_LEAST_LIMIT = 1.0
# Nights of one weekday that say what is usual on it.
_ENOUGH_OF_A_WEEKDAY = 4
# Samples drawn where there are no nights to compare with.
_DRAWS = 1000


@dataclass(frozen=True)
class Distance:
    """How far tonight is from the reference in one respect.

    Attributes:
        what: the feature, `SCORE` or `VOLUME`.
        distance: PSI against the reference; of `VOLUME` the logarithm of its ratio to the usual number of rows.
        unusualness: the distance on the scale on which 1 is the limit.
        as_far: normal nights (or samples, where there are none) that were as far.
        of: normal nights (or samples) in all.
        weak: whether it was compared with samples of rows, for want of nights.
    """

    what: str
    distance: float
    unusualness: float
    as_far: int
    of: int
    weak: bool

    @property
    def unusual(self) -> bool:
        """Whether it lies beyond the limit."""
        return self.unusualness > 1

    def __str__(self) -> str:
        far = "no" if not self.as_far else f"{self.as_far}"
        if self.weak:
            return (
                f"PSI {self.distance:.3f} to the training rows, {far} of {self.of} random samples were as far"
            )
        if self.what == VOLUME:
            return (
                f"{np.exp(self.distance):.2f} times the rows of a usual such night, {far} of {self.of} training nights "
                "were as far off"
            )
        return f"PSI {self.distance:.3f} to the training nights, {far} of {self.of} were as far"


def psi(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Floats:
    """Population stability index along the last axis; every bin counts half a row more, so that none is empty."""
    first, second = _shares(one), _shares(other)
    found: Floats = ((first - second) * np.log(first / second)).sum(axis=-1)
    return found


def judge(reference: Reference, tonight: Profile, score_date: date, rate: float) -> tuple[Distance, ...]:
    """How far a night is from its model's training nights, the most unusual first.

    Args:
        reference: the training nights.
        tonight: the night's profile.
        score_date: its day, which tells the weekday.
        rate: share of nights like the training's on which anything at all is unusual by chance.

    Returns:
        nothing for a night without rows.
    """
    if not tonight.rows:
        return ()
    counts = {name: tonight.counts[name] for name in reference.counts}
    found = (
        _by_night(reference, counts, score_date, rate)
        if reference.by_night
        else _by_row(reference, counts, rate)
    )
    return tuple(sorted(found, key=lambda one: -one.unusualness))


def _by_night(
    reference: Reference, tonight: Mapping[str, Counts], score_date: date, rate: float
) -> list[Distance]:
    days = np.array([night.weekday() for night in reference.nights])
    psis = [float(psi(tonight[name], pooled)) for name, pooled in reference.pooled.items()]
    rows = int(next(iter(tonight.values())).sum())
    off = _off(rows, score_date.weekday(), reference.rows, days)
    mine = np.array([*_log(np.array(psis)), abs(off)])
    what = (*reference.counts, VOLUME)
    return _distances(what, (*psis, off), mine, _training(reference), _limit(reference, rate), weak=False)


@lru_cache(maxsize=8)
def _training(reference: Reference) -> Floats:
    """Each training night's statistics against the nights of the other blocks; shape (nights, columns + 1)."""
    block = _blocks(len(reference.nights))
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
    """The unusualness that so many training nights exceed, each scaled by the nights of the other blocks."""
    normal = _training(reference)
    block = _blocks(len(normal))
    largest = np.empty(len(block))
    for number in range(block[-1] + 1):
        centre, spread = _scale(normal[block != number])
        largest[block == number] = ((normal[block == number] - centre) / spread).max(axis=1)
    return _exceeded(largest, rate)


def _scale(normal: Floats) -> tuple[Floats, Floats]:
    centre = np.median(normal, axis=0)
    return centre, np.maximum(np.quantile(normal, 0.9, axis=0) - centre, _LEAST_SPREAD)


def _exceeded(largest: Floats, rate: float) -> float:
    # `weibull`: of N nights, the next one exceeds the largest with a chance of 1 / (N + 1).
    return max(float(np.quantile(largest, 1 - rate, method="weibull")), _LEAST_LIMIT)


def _distances(
    what: Sequence[str], values: Sequence[float], mine: Floats, normal: Floats, limit: float, *, weak: bool
) -> list[Distance]:
    """Tonight's statistics beside those of normal nights (or samples), of shape (nights, columns)."""
    centre, spread = _scale(normal)
    unusualness = (mine - centre) / spread / limit
    as_far = (normal >= mine).sum(axis=0)
    return [
        Distance(name, value, float(how), int(far), len(normal), weak)
        for name, value, how, far in zip(what, values, unusualness, as_far, strict=True)
    ]


def _log(psis: Floats) -> Floats:
    found: Floats = np.log(_SMALL_PSI + psis)
    return found


def _off(rows: int, weekday: int, usual: Counts, weekdays: Counts) -> float:
    """How far a number of rows is from the usual on that weekday, as the logarithm of their ratio."""
    same = usual[weekdays == weekday]
    expected = np.median(same if len(same) >= _ENOUGH_OF_A_WEEKDAY else usual)
    return float(np.log(max(rows, 0.5) / max(expected, 0.5)))


def _blocks(nights: int) -> Counts:
    return np.arange(nights) * BLOCKS // nights


def _by_row(reference: Reference, tonight: Mapping[str, Counts], rate: float) -> list[Distance]:
    """As if rows were independent: samples of tonight's size and of the reference's, drawn from the reference."""
    names = [name for name in reference.counts if name != SCORE]
    psis = [float(psi(tonight[name], reference.pooled[name])) for name in names]
    normal = _log(
        np.column_stack([_drawn(reference.pooled[name], int(tonight[name].sum())) for name in names])
    )
    centre, spread = _scale(normal)
    limit = _exceeded(((normal - centre) / spread).max(axis=1), rate)
    return _distances(names, psis, _log(np.array(psis)), normal, limit, weak=True)


def _drawn(pooled: Counts, rows: int) -> Floats:
    random = np.random.default_rng(rows)
    shares = _shares(pooled)
    return psi(random.multinomial(rows, shares, _DRAWS), random.multinomial(pooled.sum(), shares, _DRAWS))


def _shares(counts: npt.NDArray[np.integer]) -> Floats:
    found: Floats = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 0.5 * counts.shape[-1])
    return found
