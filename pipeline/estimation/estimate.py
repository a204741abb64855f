"""How good a run's scores are expected to be, before anybody knows what became of them.

The outcomes so far say what a score stands for, that says what to expect of the run's scores, and the errors of such
expectations on the days that are measured say how far the truth may lie from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.estimation import intervals
from pipeline.estimation.expectation import METRICS, expected
from pipeline.estimation.intervals import LEAST_DAYS
from pipeline.estimation.recalibration import chances
from pipeline.estimation.score_bins import Floats, ScoreBins

# So many measured days say what a score stands for, and as many say how far days lie from their estimates: two months,
# since both change with the season.
WINDOW = 60


@dataclass(frozen=True)
class MeasuredDay:
    """A day whose outcomes are known.

    Attributes:
        bins: of the scores that have one.
        metrics: what was measured.
    """

    bins: ScoreBins
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """What is expected of a run's metrics.

    Attributes:
        days: the measured days that it is read off.
        values: metric -> low, expected, high; none where too few days are measured.
    """

    days: int
    values: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    def metrics(self) -> dict[str, float]:
        """What is kept of it, as metrics of the run."""
        kept = {"estimate_runs": float(self.days)}
        for metric, (low, value, high) in self.values.items():
            name = f"estimated_{metric}"
            kept |= {f"{name}_low": low, name: value, f"{name}_high": high}
        return kept


def estimate(bins: ScoreBins, days: Sequence[MeasuredDay]) -> Estimate:
    """The metrics that a run's scores will have.

    Args:
        bins: of the run's scores.
        days: the measured days before, in order of date: `2 * WINDOW` of them say all.
    """
    if len(days) < LEAST_DAYS or not len(bins):
        return Estimate(len(days))
    values = {}
    last = errors(days)[-WINDOW:]
    for metric, value in expected(bins, _chances(days)).items():
        if interval := intervals.of_errors([day[metric] for day in last]):
            low, high = _BOUNDS[metric]
            values[metric] = (
                float(np.clip(value + interval.low, low, high)),
                value,
                float(np.clip(value + interval.high, low, high)),
            )
    return Estimate(len(days), values)


def errors(days: Sequence[MeasuredDay]) -> list[dict[str, float]]:
    """The error of each day's estimate by the days before it, in order of date."""
    return [error(day, days[:place]) for place, day in enumerate(days)]


def error(day: MeasuredDay, before: Sequence[MeasuredDay]) -> dict[str, float]:
    """What was measured of a day, less what earlier days had let expect; NaN where a metric is not defined."""
    values = expected(day.bins, _chances(before))
    return {metric: day.metrics.get(metric, np.nan) - values.get(metric, np.nan) for metric in METRICS}


def _chances(days: Sequence[MeasuredDay]) -> Floats:
    """What the last of these days say that a score stands for."""
    return chances(sum((day.bins for day in days[-WINDOW:]), ScoreBins.empty()))


# Beyond these a metric cannot lie.
_BOUNDS = {"log_loss": (0.0, np.inf), "brier": (0.0, 1.0), "roc_auc": (0.0, 1.0), "accuracy": (0.0, 1.0)}
