"""What became of a run's scores: figures, groups, right and wrong labels, calibration, and how it goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from pipeline.reports.days import DaySummary, by_day
from pipeline.reports.pictures import histories
from pipeline.reports.pictures.calibration import Bin, calibration
from pipeline.reports.queries import Record
from pipeline.reports.sections import tables
from pipeline.reports.sections.tables import Figures, Table


@dataclass(frozen=True)
class Outcomes:
    """The section of a report.

    Attributes:
        figures: captions and figures of all entities.
        gaps: rates, the slices by which they differ more than chance allows, and how far.
        in_sample: whether the model was trained on the score date.
        groups: a table a slice.
        labels: of a classifier: right and wrong labels; of a regression: quantiles of its errors.
        calibration: of a binary model.
        trends: captions and pictures of the last half year.
    """

    figures: list[tuple[str, float]]
    gaps: list[tuple[str, str, float]]
    in_sample: bool
    groups: list[Table]
    labels: Table | None
    calibration: Markup | None
    trends: list[tuple[str, Markup]]


def section(record: Record) -> Outcomes:
    """The section of a run's report."""
    outcomes = record.outcomes
    return Outcomes(
        figures=_figures(outcomes),
        gaps=_gaps(outcomes),
        in_sample=bool(outcomes.get("in_sample")),
        groups=list(tables.of_groups(record.groups)),
        labels=tables.of_labels(outcomes),
        calibration=_calibration(outcomes),
        trends=list(_trends(record.days, record.run["score_date"], outcomes)),
    )


def _figures(outcomes: Figures) -> list[tuple[str, float]]:
    """The metrics that have a caption, then the job's own."""
    captioned = [(caption, outcomes[name]) for name, caption in _CAPTIONS.items() if name in outcomes]
    own = ((name.removeprefix(_OWN), value) for name, value in outcomes.items() if name.startswith(_OWN))
    return captioned + [(name.replace("_", " "), value) for name, value in own]


def _gaps(outcomes: Figures) -> list[tuple[str, str, float]]:
    """The widest gap first."""
    alarms = (name.partition(_ALARM) for name, value in outcomes.items() if _ALARM in name and value)
    gaps = [
        (rate.replace("_", " "), column, outcomes.get(f"{rate}_gap:{column}", 0.0))
        for rate, _, column in alarms
    ]
    return sorted(gaps, key=lambda gap: -gap[2])


def _calibration(outcomes: Figures) -> Markup | None:
    prefix = "calibration_rows:"
    bins = [
        Bin(between, outcomes[f"calibration_score:{between}"], outcomes[f"calibration_rate:{between}"], rows)
        for name, rows in sorted(outcomes.items())
        if name.startswith(prefix)
        and f"calibration_score:{(between := name.removeprefix(prefix))}" in outcomes
        and f"calibration_rate:{between}" in outcomes
    ]
    return calibration("Scores and outcomes", bins) if bins else None


def _trends(days: Sequence[DaySummary], at: date, outcomes: Figures) -> Iterator[tuple[str, Markup]]:
    """A picture for each figure that one of the last days has, beside what it is held against."""
    for metric, caption in _TRENDS.items():
        values = by_day(days, at, lambda day, metric=metric: day.figure(metric))  # type: ignore[misc]
        # Whatever else there is of the same day, this run's page has this run's value, or none.
        values[at] = None if outcomes.get("in_sample") else outcomes.get(metric)
        if any(number is not None for number in values.values()):
            known = {words: outcomes.get(name.format(metric)) for words, name in _LIMITS.items()}
            limits = {words: value for words, value in known.items() if value is not None}
            limits |= {"limit of the alarm": 1.0} if metric == "quality_evidence" else {}
            yield caption, histories.history(f"{caption}, day by day", values, at, limits=limits)


_OWN = "business:"
_ALARM = "_gap_alarm:"
_TRENDS = {
    "roc_auc": "ROC AUC, once the outcomes were known",
    "log_loss": "Log loss, once the outcomes were known",
    "accuracy": "Accuracy, once the outcomes were known",
    "rmse": "RMSE, once the outcomes were known",
    "quality_evidence": "Evidence that the model is worse than in training",
}
# What a figure is held against -> its name beside the figure's.
_LIMITS = {"at training, held out": "training:held_out_{}", "limit of the alarm": "{}_limit"}
_CAPTIONS = {
    "outcomes": "Outcomes known",
    "coverage": "Share of the scored entities with an outcome",
    "roc_auc": "ROC AUC",
    "training:held_out_roc_auc": "ROC AUC at training, held out",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "skill:base_rate": "Share of the base rate's loss that the model saves",
    "quality_evidence": "Evidence that the model is worse than in training (its limit is 1)",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
    "accuracy": "Accuracy",
    "recall": "Recall",
    "precision": "Precision",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "Bias",
}
