"""How unusual a run's statistics are beside those of normal days: one scale for all, one limit for the run.

Each statistic is put on the scale on which 0 is the median of normal days, and 1 what only few of them exceed. The
largest of a day is its unusualness (max-T). The limit is what the stated rate of normal days exceed, each measured by
the others without its own block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# No feature's name: the number of rows.
VOLUME = "\0rows"

# Neighbouring days share season and weather: the days of one such piece of the training window leave it together.
# With shorter pieces the neighbours that stay make a day look nearer than days to come will be.
_BLOCKS = 6
# A limit below this would be one at which days are still alike.
LEAST_LIMIT = 1.0


@dataclass(frozen=True)
class Distance:
    """How far a run is from what is normal, in one respect.

    Attributes:
        column: the feature, `SCORE` or `VOLUME`.
        distance: PSI against the reference; of `VOLUME` the logarithm of its ratio to the usual number of rows; with
            `since`, by how many bins the rows moved on average (between categories all moves count 1).
        unusualness: the distance on the scale on which 1 is the limit.
        as_far: training days (or samples, where there are none) that were as far.
        of: training days (or samples) in all.
        weak: whether it was compared with samples of rows, for want of training days.
        since: the score date since which the change is meant; None where the distance is to the reference.
        runs: how many published runs were pooled, this one with them; 1 where it is looked at by itself.
    """

    column: str
    distance: float
    unusualness: float
    as_far: int
    of: int
    weak: bool = False
    since: date | None = None
    runs: int = 1

    @property
    def unusual(self) -> bool:
        """Whether it lies beyond the limit."""
        return self.unusualness > 1

    def __str__(self) -> str:
        """The distance in words, with how many training days were as far."""
        if self.weak:
            return (
                f"PSI {self.distance:.3f} to the training rows ({self._as_many('random samples', 'as far')})"
            )
        if self.since is not None:
            changed = f"{_share_of(self.as_far, self.of)} training days changed as much"
            return f"moved by {self.distance:.2f} bins since {self.since} ({changed})"
        if self.runs > 1:
            return f"{self._pooled()} ({self._as_many(f'windows of {self.runs} training days', 'as far')})"
        if self.column == VOLUME:
            ratio = f"{np.exp(self.distance):.2f} times the usual rows of that weekday"
            return f"{ratio} ({self._as_many('training days', 'as far off')})"
        return f"PSI {self.distance:.3f} to the training days ({self._as_many('training days', 'as far')})"

    def _pooled(self) -> str:
        if self.column == VOLUME:
            return f"{np.exp(self.distance):.2f} times the usual rows, over {self.runs} runs"
        return f"PSI {self.distance:.3f} to the training days, over {self.runs} runs"

    def _as_many(self, population: str, how: str) -> str:
        return f"{_share_of(self.as_far, self.of)} {population} {'were' if self.as_far > 1 else 'was'} {how}"


@dataclass(frozen=True)
class Scale:
    """A way of putting statistics on one scale.

    Attributes:
        top: the share of normal days below the scale's 1.
        least: the least that lies between 0 and 1: a statistic that hardly varies on normal days would make mountains
            of nothing.
    """

    top: float
    least: float

    def scaled(self, statistics: Floats, normal: Floats) -> Floats:
        """Statistics of shape (..., columns) on the scale of normal days' of shape (days, columns)."""
        centre = np.median(normal, axis=0)
        spread = np.maximum(np.quantile(normal, self.top, axis=0) - centre, self.least)
        scaled: Floats = (statistics - centre) / spread
        return scaled

    def max_statistic(self, normal: Floats) -> Floats:
        """The largest statistic of each normal day, scaled by the days of the other blocks."""
        largest: Floats = self.scaled_by_others(normal).max(axis=1)
        return largest

    def scaled_by_others(self, normal: Floats) -> Floats:
        """The statistics of each normal day, scaled by the days of the other blocks."""
        block = blocks(len(normal))
        return np.concatenate(
            [self.scaled(normal[block == number], normal[block != number]) for number in range(block[-1] + 1)]
        )

    def distances(
        self,
        columns: Sequence[str],
        values: Sequence[float],
        statistics: Floats,
        normal: Floats,
        limit: float,
        *,
        weak: bool = False,
        since: date | None = None,
    ) -> list[Distance]:
        """A run's statistics beside those of normal days (or samples), of shape (days, columns)."""
        unusualness = self.scaled(statistics, normal) / limit
        as_far = (normal >= statistics).sum(axis=0)
        return [
            Distance(column, value, float(scaled), int(count), len(normal), weak, since)
            for column, value, scaled, count in zip(columns, values, unusualness, as_far, strict=True)
        ]


def limit_at_rate(max_statistic: Floats, rate: float) -> float:
    """What so many of the largest statistics of normal days exceed."""
    # `weibull`: of N days, the next one exceeds the largest with a chance of 1 / (N + 1).
    return float(np.quantile(max_statistic, 1 - rate, method="weibull"))


def next_beyond(largest: Floats, rate: float, many: float) -> float:
    """What the next one exceeds with this probability, if the upper half of these is normal: Student's interval.

    Args:
        largest: of normal days, or of windows of them.
        rate: the probability.
        many: how many of them know nothing of one another.
    """
    # Not with the module: whoever only reads a profile has no use for it, and it takes long to load.
    from scipy.stats import t as student

    centre = np.median(largest)
    # Only the upper half says how far is far.
    spread = np.sqrt(np.mean((largest[largest >= centre] - centre) ** 2))
    # Those that overlap vary less about their own centre than about the true one, but say more of their spread than
    # those side by side: half as much again (Bartlett's formula, for correlations that fall evenly).
    spread *= np.sqrt(many / (many - 1)) * np.sqrt(1 + 1 / many)
    return float(centre + student.ppf(1 - rate, 1.5 * many - 1) * spread)


def blocks(days: int) -> npt.NDArray[np.int64]:
    """The block that each day belongs to."""
    return np.arange(days) * _BLOCKS // days


def _share_of(count: int, of: int) -> str:
    return f"{count or 'none'} of {of}"
