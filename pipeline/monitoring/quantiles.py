"""Quantiles of numbers that come in parts: exact for few different values, within a stated rank for many.

A summary is values with weights. Up to `EXACT` different values the weights are counts. Beyond, values are thinned
out as in Manku, Rajagopalan and Lindsay (1998): of those that have a bit of their weight set, every other one takes
its neighbour's, as soon as there are `_LEVEL` of them. Each time this moves ranks by the bit at most, so each bit
moves them by rows / `_LEVEL` in all. Even bits move them up and odd ones down: with b bits, ranks of N rows are wrong
by N * b / (2 * `_LEVEL`) at most, which is 1 % for a billion rows.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

# Of a column with so many different values at most, quantiles are exact.
EXACT = 1_024
# Values that may have the same bit of their weight set, before they are halved.
_LEVEL = 1_024

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranks:
    """Numbers by their rank.

    Attributes:
        values: some that occurred, ascending, none twice.
        weights: how many rows each stands for; together they are all rows.
    """

    values: Floats
    weights: Weights

    @classmethod
    def of(cls, numbers: npt.NDArray[Any]) -> Self:
        """The ranks of numbers, none of which is NaN."""
        ascending = np.add(numbers, 0.0, dtype=np.float64)  # -0.0 becomes 0.0
        ascending.sort()
        starts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
        if len(starts) < EXACT:
            edges = np.array([0, *starts, len(ascending)]) if len(ascending) else np.zeros(1, np.int64)
            return cls(ascending[edges[:-1]], np.diff(edges))
        # Slices of what has one weight take a tenth of the time of `_halved`.
        bit, odd, odd_bits = 1, [], []
        while len(ascending) >= _LEVEL:
            if len(ascending) % 2:
                odd.append(ascending[-1])
                odd_bits.append(bit)
            ascending = ascending[: len(ascending) // 2 * 2][_stays(bit) :: 2]
            bit *= 2
        # What was last of more is no smaller.
        values = np.concatenate([ascending, odd[::-1]])
        return cls._merged(values, np.array([bit] * len(ascending) + odd_bits[::-1], np.int64))

    def __add__(self, other: Self) -> Self:
        """The ranks of both their rows."""
        if not len(self.values) or not len(other.values):
            return other if len(other.values) else self
        values = np.concatenate([self.values, other.values])
        order = np.argsort(values, kind="stable")
        return self._merged(values[order], np.concatenate([self.weights, other.weights])[order])

    def quantile(self, share: float) -> float | None:
        """The smallest value that, with all smaller ones, makes up this share of the rows; None without any."""
        if not len(self.values):
            return None
        up_to = np.cumsum(self.weights)
        return float(self.values[np.searchsorted(up_to, share * up_to[-1])])

    @classmethod
    def _merged(cls, ascending: Floats, weights: Weights) -> Self:
        """Each value once, and no more of them than are needed."""
        first = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
        values, weights = ascending[first], np.add.reduceat(weights, first)
        bit = 1
        while len(values) > EXACT and bit <= weights.max():
            values, weights = _halved(values, weights, bit)
            bit *= 2
        return cls(values, weights)


def _halved(values: Floats, weights: Weights, bit: int) -> tuple[Floats, Weights]:
    """Of the values that have the bit set, every other one with its neighbour's, where they are many."""
    places = np.flatnonzero(weights & bit)
    if len(places) < _LEVEL:
        return values, weights
    pairs = places[: len(places) // 2 * 2].reshape(-1, 2)
    stays = _stays(bit)
    weights = weights.copy()
    weights[pairs[:, stays]] += bit
    weights[pairs[:, 1 - stays]] -= bit
    left = weights > 0
    return values[left], weights[left]


def _stays(bit: int) -> int:
    """Which of a pair stays: of even bits the smaller, of odd ones the larger, so that their errors cancel out."""
    return (bit.bit_length() - 1) % 2
