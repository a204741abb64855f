"""How far one version's scores are from another's on the same rows, and whether that is farther than it should be.

What a day's scores are depends on the day: in a storm all are high. How far two versions are apart on the same rows
depends on it less, and mostly by the level of the scores. So a run's mean difference is held against a line through
those of the evidence's dates, by the mean score of the former version; and how much the differences vary from row to
row against their mean. A run has moved too far where a prediction interval of either, at `RATE` together, does not
hold it. Probabilities are compared as log-odds, on which a factor shows in small ones as in large ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Task

# Fewer dates say too little of what is ordinary.
LEAST_DATES = 10
# How often a first run like the evidence's dates is held by chance.
RATE = 0.01
# What nobody minds: a twentieth of the odds, or of a standard deviation of values.
_LITTLE = 0.05
# Of a probability of 0 or 1 the log-odds have no end.
_LEAST = 1e-6


@dataclass(frozen=True)
class Movement:
    """How far a version's scores are from the former version's, on the same rows; of probabilities, as log-odds.

    Attributes:
        rows: how many both have scored.
        level: the mean score of the former version.
        shift: the mean difference; above 0 the version's scores are higher.
        squares: the mean of the squared differences.
        relabelled: the share of rows with another label; 0 for a regression, which has none.
    """

    rows: int
    level: float
    shift: float
    squares: float
    relabelled: float

    @classmethod
    def of(cls, task: Task, former: Floats, scores: Floats, relabelled: float) -> "Movement":
        """Of the scores of the same rows, of which there is at least one."""
        before, after = (each if task == "regression" else _log_odds(each) for each in (former, scores))
        apart = after - before
        return cls(
            len(scores), float(before.mean()), float(apart.mean()), float((apart**2).mean()), relabelled
        )

    @classmethod
    def together(cls, sums: Sequence[Mapping[str, float]]) -> "Movement | None":
        """Of the sums of some parts; None where these have no rows."""
        rows = int(sum(each.get("rows", 0) for each in sums))
        names = ("level", "shift", "squares", "relabelled")
        return (
            cls(rows, *(sum(each.get(name, 0) for each in sums) / rows for name in names)) if rows else None
        )

    def sums(self) -> dict[str, float]:
        """What adds up over parts."""
        return {name: value if name == "rows" else value * self.rows for name, value in asdict(self).items()}

    @property
    def spread(self) -> float:
        """The standard deviation of the differences, row by row."""
        return float(np.sqrt(max(self.squares - self.shift**2, 0)))


@dataclass(frozen=True)
class Excess:
    """In what a run's scores have moved more than the evidence said.

    Attributes:
        what: `shift` or `spread`.
        value: the run's.
        low: the least that is ordinary.
        high: the most.
    """

    what: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The excess in words, without a unit."""
        if self.what == "shift":
            return f"the mean difference is {self.value:+.3g}, and {self.low:+.3g} to {self.high:+.3g} is ordinary"
        return f"differences vary by {self.value:.3g} row by row, and {self.low:.3g} to {self.high:.3g} is ordinary"


def excesses(dates: Sequence[Movement], unit: float, run: Movement) -> Iterator[Excess]:
    """In what a run's scores have moved more than on the dates of the evidence.

    Args:
        dates: those of the evidence, `LEAST_DATES` at least.
        unit: 1 for probabilities; for values the standard deviation of the former version's scores.
        run: the run's.
    """
    ones = np.ones(len(dates))
    levels = np.array([each.level for each in dates])
    line = np.column_stack([ones, levels]) if np.ptp(levels) > 0 else ones[:, None]
    at = np.array([1.0, run.level])[: line.shape[1]]
    for what, known, here, chance in (
        ("shift", line, at, run.spread**2 / run.rows),
        ("spread", ones[:, None], np.ones(1), run.spread**2 / (2 * run.rows)),
    ):
        values = np.array([getattr(each, what) for each in dates])
        middle, error = _predicted(known, values, here)
        quantile = float(stats.t.ppf(1 - RATE / 4, len(dates) - known.shape[1]))
        room = max(quantile * float(np.sqrt(error**2 + chance)), _LITTLE * unit)
        value = float(getattr(run, what))
        if abs(value - middle) > room:
            yield Excess(
                what, value, middle - room if what == "shift" else max(middle - room, 0), middle + room
            )


def _predicted(known: Floats, values: Floats, at: Floats) -> tuple[float, float]:
    """What least squares predict for another date, and the standard error of that."""
    weights, *_ = np.linalg.lstsq(known, values, rcond=None)
    variance = float(((values - known @ weights) ** 2).sum()) / (len(values) - known.shape[1])
    leverage = float(at @ np.linalg.pinv(known.T @ known) @ at)
    return float(at @ weights), float(np.sqrt(variance * (1 + leverage)))


def _log_odds(scores: Floats) -> Floats:
    clipped = np.clip(scores, _LEAST, 1 - _LEAST)
    odds: Floats = np.log(clipped / (1 - clipped))
    return odds
