"""How good a run's scores are expected to be, before anybody knows what became of them.

The outcomes so far say what a score stands for, that says what to expect of the run's scores, and the errors of such
expectations on the days that are measured say how far the truth may lie from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.estimation import intervals
from pipeline.estimation.expectation import METRICS, expected
from pipeline.estimation.intervals import LEAST_DAYS
from pipeline.estimation.recalibration import chances
from pipeline.estimation.score_bins import ScoreBins

# So many measured days say what a score stands for, and as many say how far days lie from their estimates: a quarter
# of a year, since what a score stands for changes with the season.
WINDOW = 90


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
    for metric, value in expected(bins, chances(_pooled(days, len(days)))).items():
        if interval := intervals.of_errors([day[metric] for day in last]):
            low, high = _BOUNDS[metric]
            values[metric] = (
                float(np.clip(value + interval.low, low, high)),
                value,
                float(np.clip(value + interval.high, low, high)),
            )
    return Estimate(len(days), values)


def errors(days: Sequence[MeasuredDay]) -> list[dict[str, float]]:
    """Of each day what was measured, less what the days before it had let expect; NaN where a metric is not defined."""
    return list(_errors(days))


def _errors(days: Sequence[MeasuredDay]) -> Iterator[dict[str, float]]:
    for place, day in enumerate(days):
        before = expected(day.bins, chances(_pooled(days, place)))
        yield {metric: day.metrics.get(metric, np.nan) - before.get(metric, np.nan) for metric in METRICS}


def _pooled(days: Sequence[MeasuredDay], place: int) -> ScoreBins:
    """The bins of the last days before one of them."""
    return sum((day.bins for day in days[max(place - WINDOW, 0) : place]), ScoreBins.empty())


# Beyond these a metric cannot lie.
_BOUNDS = {"log_loss": (0.0, np.inf), "brier": (0.0, 1.0), "roc_auc": (0.0, 1.0), "accuracy": (0.0, 1.0)}
