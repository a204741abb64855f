"""The page that a person looks at: what a run did, on what, whether anything is unusual, and what to do about it.

Made on demand from what the database keeps of the run, so that there is nothing to store and nothing to erase.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from pipeline.pages import charts, pictures, reading, render
from pipeline.pages.reading import Night, Record, Row
from pipeline.pages.render import MOST
from pipeline.references import Reference

# Longer cards are cut: the page stays small enough for a mail.
MOST_CARD = 60_000


@dataclass(frozen=True)
class Verdict:
    """What a person must know in ten seconds.

    Attributes:
        level: good, warn, bad, or none while there is nothing to judge.
        sentence: one.
        reasons: what the database says of it, if more.
    """

    level: str
    sentence: str
    reasons: tuple[str, ...] = ()


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


def report(predictions: str, home: Path, run_id: int) -> str:
    """Write the report of a run: one HTML file that needs nothing else.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        home: the folder that holds models/, for the model's card.
        run_id: the run.

    Raises:
        NoSuchRun: there is none of that number.
    """
    found = reading.record(predictions, run_id)
    reference = None
    if found.profiles:
        reference = pictures.reference_of(home, found.run["model_name"], found.run["model_version"])
    shares = {name: value for name, value in found.metrics.items() if name.startswith(_SHARE)}
    return render.page(
        "report.html.jinja",
        run=found.run,
        verdict=judge(found),
        parts=found.parts,
        metrics=found.metrics,
        labels=sorted(((name.removeprefix(_SHARE), share) for name, share in shares.items()), key=_by_share),
        rejected=found.rejected,
        scores=_drawn(found.profiles, reference, _SCORE, "Scores"),
        features=_features(found, reference),
        reference=reference,
        outcomes=[(said, found.outcomes[name]) for name, said in _OUTCOMES.items() if name in found.outcomes],
        histories=_histories(found),
        card=card(home, found.run["model_name"], found.run["model_version"]),
        steps=_steps(found.run),
    )


def judge(found: Record) -> Verdict:
    """The verdict on a run, in one sentence."""
    run = found.run
    reasons = tuple(finding["message"] for finding in run["findings"])
    if not reasons and run["status_reason"]:
        reasons = (run["status_reason"],)
    if run["dry_run"]:
        return Verdict("none", f"A dry run: {_rows(run)}. Nothing of it is ever published.", reasons)
    if run["status"] != "published":
        level, sentence = _UNPUBLISHED[run["status"]]
        shown = f" Analysts see run {run['shown_run_id']}." if run["shown_run_id"] else ""
        return Verdict(level, sentence.format(rows=_rows(run)) + shown, reasons)
    if run["served_by"] == "last_published":
        age = f"{run['staleness_days']} day{'s' if run['staleness_days'] > 1 else ''}"
        told = f"The night failed, and scores that are {age} old stand in for it (run {run['source_run_id']})"
        return Verdict("warn", f"{told}: {_rows(run)}.", reasons)
    if run["served_by"] == "champion_previous":
        told = "The night failed, and the scores of the champion's predecessor stand in for it"
        return Verdict("warn", f"{told}: {_rows(run)}.", reasons)
    if run["findings"]:
        return Verdict("warn", f"Published, and something is unusual: {_rows(run)}.", reasons)
    return Verdict("good", f"Published: {_rows(run)}, nothing unusual.", reasons)


def card(home: Path, name: str, version: int) -> Markup | None:
    """A model version's card as HTML, or None where there is none."""
    models = home.resolve() / "models"
    path = (models / name / str(version) / "MODEL_CARD.md").resolve()
    if not path.is_relative_to(models) or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    cut = "" if len(text) <= MOST_CARD else f"\n\n*Cut here: the whole card has {len(text):,} characters.*"
    # No HTML of its own and no pictures, which would be fetched; both are shown as text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return Markup(markdown.render(text[:MOST_CARD] + cut))  # noqa: S704 - the renderer has escaped all text


def _rows(run: Row) -> str:
    if run["rows_scored"] is None:
        return "no row is scored yet"
    return f"{run['rows_scored']:,} rows scored, {run['rows_rejected']:,} rejected"


def _drawn(
    profiles: Mapping[str, Mapping[str, int]], reference: Reference | None, column: str, title: str
) -> Markup | None:
    """A column's histogram; None where the run kept none."""
    if not sum(profiles.get(column, {}).values()):
        return None
    seen = pictures.spread(column, profiles[column], reference)
    return charts.histogram(title, seen.labels, seen.tonight, seen.reference, seen.band)


def _features(found: Record, reference: Reference | None) -> list[Feature]:
    """The features, the most unusual first."""
    ordered = sorted(found.features.items(), key=lambda item: (-item[1].get("unusualness", 0), item[0]))
    return [
        Feature(name, values, _drawn(found.profiles, reference, name, name) if place < MOST else None)
        for place, (name, values) in enumerate(ordered)
    ]


def _histories(found: Record) -> list[tuple[str, Markup]]:
    """A picture for each value that is known of one of the last nights."""
    at = found.run["score_date"]
    drawn = []
    for caption, value in _VALUES.items():
        values = by_night(found.nights, at, value)
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


def _steps(run: Row) -> list[tuple[str, str]]:
    """What a person may want to do about a run, and the command that does it."""
    number, job, before = run["run_id"], shlex.quote(run["job"]), run["previous_run_id"]
    steps = []
    if run["status"] == "held":
        steps.append(("Publish it, in your name:", f'approve {number} --reason "..."'))
        steps.append(("Or leave analysts what they have:", f'reject {number} --reason "..."'))
    elif run["status"] == "superseded":
        told = "Show this run to analysts again, if its scores are still kept:"
        steps.append((told, f'rollback {job} {run["score_date"]} --to {number} --reason "..."'))
    elif run["status"] == "failed":
        told = "Put right what the message above says, clear the failed task in Airflow, and look at the next night:"
        steps.append((told, f"check {job}"))
    elif number == run["shown_run_id"] and before:
        told = f"Roll back: show run {before} to analysts again, if its scores are still kept."
        steps.append((told, f'rollback {job} {run["score_date"]} --reason "..."'))
        steps.append((f"Before that, see what would change from run {before}:", f"diff {before} {number}"))
    elif number == run["shown_run_id"]:
        told = (
            "There is nothing to roll back to: no other run of this night was published. To score it with another "
            f"model, change the alias in models/{run['model_name']}/versions.toml, or name a version:"
        )
        steps.append((told, f"score {job} {run['score_date']} --model-version VERSION"))
    steps.append(("All that the database has of this run:", f"show {number}"))
    return [(told, f"python -m pipeline {command}") for told, command in steps]


def _by_share(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


_SCORE = ""
_SHARE = "label_share:"
_VALUES: dict[str, Callable[[Night], float | None]] = {
    "Rows scored": lambda night: night.rows_scored,
    "Rows rejected": lambda night: night.rows_rejected,
    "Mean score": lambda night: night.score_mean,
    "ROC AUC, once the results were known": lambda night: night.roc_auc,
    "RMSE, once the results were known": lambda night: night.rmse,
}
_OUTCOMES = {
    "outcomes": "Results known",
    "coverage": "Share of the scored entities with a result",
    "roc_auc": "ROC AUC",
    "training:held_out_roc_auc": "ROC AUC at training, held out",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
    "accuracy": "Accuracy",
    "recall": "Recall",
    "precision": "Precision",
    "mae": "MAE",
    "rmse": "RMSE",
    "bias": "Bias",
    "alarms": "Slices whose groups differ more than chance allows",
}
_UNPUBLISHED = {
    "running": ("none", "Not finished: {rows}."),
    "held": ("warn", "Held until a person decides: {rows}."),
    "failed": ("bad", "Failed: {rows}."),
    "abandoned": ("none", "Abandoned, and never published: {rows}."),
    "superseded": ("none", "Was published, and another run has taken its place: {rows}."),
}
