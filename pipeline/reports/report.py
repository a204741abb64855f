"""The page that a person looks at: what a run did, on what, whether anything is unusual, and what to do about it.

Made on demand from what the database has of the run, so that there is nothing to store and nothing to erase.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from markupsafe import Markup

from pipeline.monitoring.references import Reference
from pipeline.reports import queries, render
from pipeline.reports.headline import describe
from pipeline.reports.links import Links
from pipeline.reports.model_card import card
from pipeline.reports.next_steps import steps, urgent
from pipeline.reports.pictures import charts, histograms, histories
from pipeline.reports.queries import DaySummary, Record
from pipeline.reports.render import MOST_PICTURES


@dataclass(frozen=True)
class Feature:
    """A feature on the page.

    Attributes:
        name: as the query calls it.
        values: its figures, as `feature_metrics` has them.
        picture: its histogram, where the run kept one.
    """

    name: str
    values: Mapping[str, float]
    picture: Markup | None


def report(predictions: str, home: Path, run_id: int, links: Links | None = None) -> str:
    """Write the report of a run: one HTML file that needs nothing else.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        home: the folder that holds models/, for the model's card.
        run_id: the run.
        links: where other pages are; None where the page stands alone.

    Raises:
        NoSuchRun: there is none of that number.
    """
    record = queries.record(predictions, run_id)
    reference = None
    if record.profiles:
        reference = histograms.reference_of(home, record.run["model_name"], record.run["model_version"])
    shares = {name: value for name, value in record.metrics.items() if name.startswith(_SHARE)}
    return render.page(
        "report.html.jinja",
        run=record.run,
        headline=describe(record),
        shown=links.report(record.run["job"], shown)
        if links and (shown := record.run["shown_run_id"]) not in (None, run_id)
        else None,
        parts=record.parts,
        metrics=record.metrics,
        labels=sorted(((name.removeprefix(_SHARE), share) for name, share in shares.items()), key=_by_share),
        rejected=record.rejected,
        scores=_drawn(record.profiles, reference, _SCORE, "Scores", charts.BROAD),
        features=_features(record, reference),
        reference=reference,
        outcomes=_outcomes(record.outcomes),
        in_sample=bool(record.outcomes.get("in_sample")),
        gaps=_gaps(record.outcomes),
        histories=_histories(record),
        card=card(home, record.run["model_name"], record.run["model_version"])
        if record.run["model_version"]
        else None,
        steps=steps(record.run),
        urgent=urgent(record.run),
    )


def _drawn(
    profiles: Mapping[str, Mapping[str, int]],
    reference: Reference | None,
    column: str,
    title: str,
    room: int = charts.NARROW,
) -> Markup | None:
    """A column's histogram; None where the run kept none."""
    if not sum(profiles.get(column, {}).values()):
        return None
    spread = histograms.spread(column, profiles[column], reference)
    return charts.histogram(title, spread.labels, spread.run, spread.reference, spread.band, room=room)


def _features(record: Record, reference: Reference | None) -> list[Feature]:
    """The features, the most unusual first."""
    ordered = sorted(record.features.items(), key=lambda item: (-item[1].get("unusualness", 0), item[0]))
    return [
        Feature(
            name, values, _drawn(record.profiles, reference, name, name) if place < MOST_PICTURES else None
        )
        for place, (name, values) in enumerate(ordered)
    ]


def _outcomes(outcomes: Mapping[str, float]) -> list[tuple[str, float]]:
    """The metrics that have a caption, then the job's own."""
    captioned = [(caption, outcomes[name]) for name, caption in _OUTCOMES.items() if name in outcomes]
    own = ((name.removeprefix(_OWN), value) for name, value in outcomes.items() if name.startswith(_OWN))
    return captioned + [(name.replace("_", " "), value) for name, value in own]


def _gaps(outcomes: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """The rates, and the slices by which they differ more than chance allows, the widest gap first."""
    alarms = (name.partition(_ALARM) for name, value in outcomes.items() if _ALARM in name and value)
    gaps = [(rate.replace("_", " "), column, outcomes[f"{rate}_gap:{column}"]) for rate, _, column in alarms]
    return sorted(gaps, key=lambda gap: -gap[2])


def _histories(record: Record) -> list[tuple[str, Markup]]:
    """A picture for each value that one of the last days has."""
    at = record.run["score_date"]
    drawn = []
    for caption, (value, own) in _VALUES.items():
        values = by_day(record.days, at, value)
        # Whatever else there is of the same day, this run's page has this run's value, or none.
        values[at] = own(record)
        if any(number is not None for number in values.values()):
            drawn.append((caption, histories.history(f"{caption}, day by day", values, at)))
    return drawn


def _trend(record: Record, metric: str) -> float | None:
    """A figure of the outcomes; None where the model was trained on that day."""
    return None if record.outcomes.get("in_sample") else record.outcomes.get(metric)


def by_day(
    days: Sequence[DaySummary], last: date, value: Callable[[DaySummary], float | None]
) -> dict[date, float | None]:
    """A value for every day from the first to `last`; None where there is none, or nobody saw it."""
    shown = {day.score_date: value(day) for day in days if day.shown or day.score_date == last}
    first = min(shown, default=last)
    return {
        day: shown.get(day)
        for day in (first + timedelta(number) for number in range((last - first).days + 1))
    }


def _by_share(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


_SCORE = ""
_SHARE = "label_share:"
_OWN = "business:"
_ALARM = "_gap_alarm:"
# Of a day, as analysts see it, and of the run that the page is about.
_VALUES: dict[str, tuple[Callable[[DaySummary], float | None], Callable[[Record], float | None]]] = {
    "Rows scored": (lambda day: day.rows_scored, lambda record: record.run["rows_scored"]),
    "Rows rejected": (lambda day: day.rows_rejected, lambda record: record.run["rows_rejected"]),
    "Mean score": (lambda day: day.score_mean, lambda record: record.metrics.get("score_mean")),
    "ROC AUC, once the outcomes were known": (
        lambda day: day.figure("roc_auc"),
        lambda record: _trend(record, "roc_auc"),
    ),
    "RMSE, once the outcomes were known": (
        lambda day: day.figure("rmse"),
        lambda record: _trend(record, "rmse"),
    ),
}
_OUTCOMES = {
    "outcomes": "Outcomes known",
    "coverage": "Share of the scored entities with an outcome",
    "roc_auc": "ROC AUC",
    "training:held_out_roc_auc": "ROC AUC at training, held out",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "skill:base_rate": "Share of the base rate's loss that the model saves",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
    "accuracy": "Accuracy",
    "recall": "Recall",
    "precision": "Precision",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "Bias",
}
