"""How unusual a night's statistics are beside those of normal nights: one scale for all, one limit for the night.

Each statistic is put on the scale on which 0 is the median of normal nights, and 1 what only few of them exceed. The
largest of a night is its unusualness (max-T). The limit is what the stated rate of normal nights exceed, each measured
by the others without its own block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# No feature's name: the night's rows.
VOLUME = "\0rows"

# Neighbouring nights share season and weather: the nights of one such piece of the training window leave it together.
# With shorter pieces the neighbours that stay make a night look nearer than nights to come will be.
_BLOCKS = 6
# A limit below this would be one at which nights are still alike.
LEAST_LIMIT = 1.0


@dataclass(frozen=True)
class Distance:
    """How far tonight is from what is normal, in one respect.

    Attributes:
        what: the feature, `SCORE` or `VOLUME`.
        distance: PSI against the reference; of `VOLUME` the logarithm of its ratio to the usual number of rows; with
            `since`, by how many bins the rows moved on average (between categories all moves count 1).
        unusualness: the distance on the scale on which 1 is the limit.
        as_far: normal nights (or samples, where there are none) that were as far.
        of: normal nights (or samples) in all.
        weak: whether it was compared with samples of rows, for want of nights.
        since: the night since which the change is meant; None where the distance is to the reference.
    """

    what: str
    distance: float
    unusualness: float
    as_far: int
    of: int
    weak: bool = False
    since: date | None = None

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
        if self.since is not None:
            return (
                f"changed by {self.distance:.2f} bins since {self.since}, {far} of {self.of} training nights changed "
                "as much"
            )
        if self.what == VOLUME:
            return (
                f"{np.exp(self.distance):.2f} times the rows of a usual such night, {far} of {self.of} training nights "
                "were as far off"
            )
        return f"PSI {self.distance:.3f} to the training nights, {far} of {self.of} were as far"


@dataclass(frozen=True)
class Scale:
    """A way of putting statistics on one scale.

    Attributes:
        top: the share of normal nights below the scale's 1.
        least: the least that lies between 0 and 1: a statistic that hardly varies on normal nights would make mountains
            of nothing.
    """

    top: float
    least: float

    def scaled(self, mine: Floats, normal: Floats) -> Floats:
        """Statistics of shape (..., columns) on the scale of normal nights' of shape (nights, columns)."""
        centre = np.median(normal, axis=0)
        spread = np.maximum(np.quantile(normal, self.top, axis=0) - centre, self.least)
        found: Floats = (mine - centre) / spread
        return found

    def largest(self, normal: Floats) -> Floats:
        """The largest statistic of each normal night, scaled by the nights of the other blocks."""
        block = blocks(len(normal))
        return np.concatenate(
            [
                self.scaled(normal[block == number], normal[block != number]).max(axis=1)
                for number in range(block[-1] + 1)
            ]
        )

    def distances(
        self,
        what: Sequence[str],
        values: Sequence[float],
        mine: Floats,
        normal: Floats,
        limit: float,
        *,
        weak: bool = False,
        since: date | None = None,
    ) -> list[Distance]:
        """Tonight's statistics beside those of normal nights (or samples), of shape (nights, columns)."""
        unusualness = self.scaled(mine, normal) / limit
        as_far = (normal >= mine).sum(axis=0)
        return [
            Distance(name, value, float(how), int(far), len(normal), weak, since)
            for name, value, how, far in zip(what, values, unusualness, as_far, strict=True)
        ]


def limit_at_rate(largest: Floats, rate: float) -> float:
    """What so many of the largest statistics of normal nights exceed."""
    # `weibull`: of N nights, the next one exceeds the largest with a chance of 1 / (N + 1).
    return float(np.quantile(largest, 1 - rate, method="weibull"))


def blocks(nights: int) -> npt.NDArray[np.int64]:
    """The block that each night belongs to."""
    return np.arange(nights) * _BLOCKS // nights
