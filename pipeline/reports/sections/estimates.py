"""What a run's outcomes were expected to be before they were known, beside what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.estimation import wording
from pipeline.estimation.expectation import METRICS
from pipeline.reports.queries import Record


@dataclass(frozen=True)
class EstimatedFigure:
    """A metric of a run, estimated.

    Attributes:
        caption: its name, for people.
        value: what was expected.
        low: where its interval begins.
        high: where it ends.
        measured: what was measured later; None before that.
    """

    caption: str
    value: float
    low: float
    high: float
    measured: float | None

    @property
    def is_outside(self) -> bool:
        """Whether it was measured, and lies outside of its interval."""
        return self.measured is not None and not self.low <= self.measured <= self.high


@dataclass(frozen=True)
class Estimates:
    """The section of a report: a sentence, and the figures that it is about."""

    sentence: str
    figures: list[EstimatedFigure]


def section(record: Record) -> Estimates | None:
    """The section of a run's report; None where no estimate was made."""
    words = wording.sentence(record.metrics)
    return None if words is None else Estimates(words, _figures(record.metrics, record.outcomes))


def _figures(metrics: Mapping[str, float], outcomes: Mapping[str, float]) -> list[EstimatedFigure]:
    figures = []
    for metric in METRICS:
        name = f"estimated_{metric}"
        if {name, f"{name}_low", f"{name}_high"} <= metrics.keys():
            low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
            figures.append(EstimatedFigure(_CAPTIONS[metric], metrics[name], low, high, outcomes.get(metric)))
    return figures


_CAPTIONS = {
    "log_loss": "Log loss",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "accuracy": "Accuracy",
}
