"""The page that a person looks at: what a run did, on what, whether anything is unusual, and what to do about it.

Made on demand from what the database keeps of the run, so that there is nothing to store and nothing to erase.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from markupsafe import Markup

from pipeline.monitoring.references import Reference
from pipeline.reports import charts, histograms, queries, render
from pipeline.reports.headline import judge
from pipeline.reports.model_card import card
from pipeline.reports.next_steps import steps, urgent
from pipeline.reports.queries import Night, Record
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


def report(predictions: str, home: Path, run_id: int, link: Callable[[int], str] | None = None) -> str:
    """Write the report of a run: one HTML file that needs nothing else.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        home: the folder that holds models/, for the model's card.
        run_id: the run.
        link: where another run's report is; None where the page stands alone.

    Raises:
        NoSuchRun: there is none of that number.
    """
    found = queries.record(predictions, run_id)
    reference = None
    if found.profiles:
        reference = histograms.reference_of(home, found.run["model_name"], found.run["model_version"])
    shares = {name: value for name, value in found.metrics.items() if name.startswith(_SHARE)}
    return render.page(
        "report.html.jinja",
        run=found.run,
        verdict=judge(found.run),
        shown=link(shown) if link and (shown := found.run["shown_run_id"]) not in (None, run_id) else None,
        parts=found.parts,
        metrics=found.metrics,
        labels=sorted(((name.removeprefix(_SHARE), share) for name, share in shares.items()), key=_by_share),
        rejected=found.rejected,
        scores=_drawn(found.profiles, reference, _SCORE, "Scores", charts.BROAD),
        features=_features(found, reference),
        reference=reference,
        outcomes=_results(found.outcomes),
        gaps=_gaps(found.outcomes),
        histories=_histories(found),
        card=card(home, found.run["model_name"], found.run["model_version"])
        if found.run["model_version"]
        else None,
        steps=steps(found.run),
        urgent=urgent(found.run),
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
    seen = histograms.spread(column, profiles[column], reference)
    return charts.histogram(title, seen.labels, seen.tonight, seen.reference, seen.band, room=room)


def _features(found: Record, reference: Reference | None) -> list[Feature]:
    """The features, the most unusual first."""
    ordered = sorted(found.features.items(), key=lambda item: (-item[1].get("unusualness", 0), item[0]))
    return [
        Feature(
            name, values, _drawn(found.profiles, reference, name, name) if place < MOST_PICTURES else None
        )
        for place, (name, values) in enumerate(ordered)
    ]


def _results(outcomes: Mapping[str, float]) -> list[tuple[str, float]]:
    """What is known of the scores by now, then the job's own figures."""
    found = [(said, outcomes[name]) for name, said in _OUTCOMES.items() if name in outcomes]
    own = ((name.removeprefix(_OWN), value) for name, value in outcomes.items() if name.startswith(_OWN))
    return found + [(name.replace("_", " "), value) for name, value in own]


def _gaps(outcomes: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """The rates, and the slices by which they differ more than chance allows, the widest gap first."""
    alarms = (name.partition(_ALARM) for name, value in outcomes.items() if _ALARM in name and value)
    gaps = [(rate.replace("_", " "), column, outcomes[f"{rate}_gap:{column}"]) for rate, _, column in alarms]
    return sorted(gaps, key=lambda gap: -gap[2])


def _histories(found: Record) -> list[tuple[str, Markup]]:
    """A picture for each value that is known of one of the last nights."""
    at = found.run["score_date"]
    drawn = []
    for caption, (value, own) in _VALUES.items():
        values = by_night(found.nights, at, value)
        # Whatever else there is of the same night, this run's page has this run's value, or none.
        values[at] = own(found)
        if any(one is not None for one in values.values()):
            drawn.append((caption, charts.history(f"{caption}, night by night", values, at)))
    return drawn


def by_night(
    nights: Sequence[Night], last: date, value: Callable[[Night], float | None]
) -> dict[date, float | None]:
    """A value for every night from the first to `last`; None where there is none, or nobody saw it."""
    known = {night.score_date: value(night) for night in nights if night.shown or night.score_date == last}
    first = min(known, default=last)
    return {
        day: known.get(day)
        for day in (first + timedelta(number) for number in range((last - first).days + 1))
    }


def _by_share(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


_SCORE = ""
_SHARE = "label_share:"
_OWN = "business:"
_ALARM = "_gap_alarm:"
# Of a night, as analysts see it, and of the run that the page is about.
_VALUES: dict[str, tuple[Callable[[Night], float | None], Callable[[Record], float | None]]] = {
    "Rows scored": (lambda night: night.rows_scored, lambda found: found.run["rows_scored"]),
    "Rows rejected": (lambda night: night.rows_rejected, lambda found: found.run["rows_rejected"]),
    "Mean score": (lambda night: night.score_mean, lambda found: found.metrics.get("score_mean")),
    "ROC AUC, once the results were known": (
        lambda night: night.roc_auc,
        lambda found: found.outcomes.get("roc_auc"),
    ),
    "RMSE, once the results were known": (lambda night: night.rmse, lambda found: found.outcomes.get("rmse")),
}
_OUTCOMES = {
    "outcomes": "Results known",
    "coverage": "Share of the scored entities with a result",
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
