"""A run's scores in bins that are the same for every run and model, so that what is kept of them adds up.

A bin is a tenth of a unit of the score's log-odds. Beside how many scores lie in it, sums are kept of all that a metric
takes of them: where the chance of the positive class is one number a bin, expectations need no single score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LAST = 12.0  # the log-odds from which all scores lie in one bin: a probability of 0.999994
_A_UNIT = 10
BINS = int(2 * _LAST) * _A_UNIT + 2

# What is kept of a bin, and the columns of `scoring.outcome_bins`.
SUMS = ("rows", "positives", "called", "score", "score_squared", "log_score", "log_rest")

# As scikit-learn's log loss has it: no probability is 0 or 1.
_LEAST = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class ScoreBins:
    """Sums over some scores of a binary model.

    Attributes:
        sums: of shape (`SUMS`, `BINS`): how many scores; how many of them turned out positive; how many have the
            positive label; the sums of the score, of its square, and of the logarithms of it and of 1 less it.
    """

    sums: Floats

    @classmethod
    def of(cls, scores: Floats, called: npt.NDArray[np.bool_], positive: Floats | None = None) -> Self:
        """The bins of some scores.

        Args:
            scores: probabilities of the positive class.
            called: whether each has the positive label.
            positive: 1 where the outcome is the positive class, else 0; None before outcomes are known.
        """
        certain = np.clip(scores, _LEAST, 1 - _LEAST)
        log_score, log_rest = np.log(certain), np.log1p(-certain)
        place = np.floor((log_score - log_rest + _LAST) * _A_UNIT) + 1
        bins = np.clip(place, 0, BINS - 1).astype(np.int64)
        nobody = np.zeros(len(scores))
        each = (
            np.ones(len(scores)),
            nobody if positive is None else positive,
            called.astype(np.float64),
            scores,
            np.square(scores),
            log_score,
            log_rest,
        )
        return cls(np.array([np.bincount(bins, values, BINS) for values in each]))

    @classmethod
    def empty(cls) -> Self:
        """The bins of no score."""
        return cls(np.zeros((len(SUMS), BINS)))

    @classmethod
    def read(cls, columns: Mapping[str, Any]) -> Self:
        """The bins from their columns, as `columns` gives them."""
        sums = np.zeros((len(SUMS), BINS))
        sums[:, columns["bin"]] = [columns[name] for name in SUMS]
        return cls(sums)

    def __add__(self, other: Self) -> Self:
        """The bins of both their scores."""
        return type(self)(self.sums + other.sums)

    def __getitem__(self, name: str) -> Floats:
        """One of the sums, a number a bin."""
        sums: Floats = self.sums[SUMS.index(name)]
        return sums

    def __len__(self) -> int:
        """How many scores."""
        return int(self["rows"].sum())

    def columns(self) -> Mapping[str, list[float]]:
        """The bins that are not empty, as columns of `scoring.outcome_bins`."""
        places = np.flatnonzero(self["rows"])
        return {"bin": places.tolist(), **{name: self[name][places].tolist() for name in SUMS}}


def log_odds() -> Floats:
    """The log-odds in the middle of each bin."""
    return (np.arange(BINS) - 0.5) / _A_UNIT - _LAST
