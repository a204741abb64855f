"""The page that a person looks at: what a run did, on what, whether anything is unusual, and what to do about it.

Made on demand from what the database has of the run, so that there is nothing to store and nothing to erase.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from markupsafe import Markup

from pipeline.integrations import quality_messages
from pipeline.monitoring.pooled import looks, windows
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced import look
from pipeline.reports import queries, render
from pipeline.reports.days import DaySummary, by_day
from pipeline.reports.headline import describe
from pipeline.reports.links import Links
from pipeline.reports.next_steps import steps, urgent
from pipeline.reports.pictures import charts, histograms, histories
from pipeline.reports.queries import Record
from pipeline.reports.render import MOST_PICTURES
from pipeline.reports.sections import challenger, estimates, online, outcomes
from pipeline.reports.sections.model_card import card
from pipeline.reports.sections.sources import sources


@dataclass(frozen=True)
class Feature:
    """A feature on the page.

    Attributes:
        name: as the query calls it.
        values: its figures, as `feature_metrics` has them.
        picture: its histogram, where the run kept one.
        share: what it carries of the scores; None where the run was not explained, or it moves with others.
    """

    name: str
    values: Mapping[str, float]
    picture: Markup | None
    share: float | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it was measured, and is as usual."""
        return self.unusualness is not None and self.unusualness <= 1

    @property
    def unusualness(self) -> float | None:
        """The largest of all looks; None where it was not measured."""
        return max((self.values[name] for name in _LOOKS if name in self.values), default=None)


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
        ways=list(_ways(record, links)) if links else [],
        shown=links.report(record.run["job"], record.run["shown_run_id"])
        if links and record.run["shown_run_id"] not in (None, run_id)
        else None,
        parts=record.parts,
        metrics=record.metrics,
        labels=sorted(((name.removeprefix(_SHARE), share) for name, share in shares.items()), key=_by_share),
        rejected=record.rejected,
        scores=_drawn(record.profiles, reference, _SCORE, "Scores", charts.BROAD),
        features=_features(record, reference),
        reference=reference,
        withheld=_withheld(record, reference) if reference else [],
        SIZES=windows.SIZES,
        outcomes=outcomes.section(record) if record.outcomes else None,
        estimates=estimates.section(record),
        challenger=challenger.section(record.challenger),
        online=online.section(record, reference),
        late=record.late,
        reasons=record.reasons,
        quality=quality_messages.sentence(record.outcomes),
        histories=_histories(record),
        card=card(home, record.run["model_name"], record.run["model_version"])
        if record.run["model_version"]
        else None,
        of_model=links.card(record.run["job"], run_id) if links and record.run["model_version"] else None,
        sources=sources(home, record.run),
        steps=steps(record.run),
        urgent=urgent(record.run),
    )


def _withheld(record: Record, reference: Reference) -> list[str]:
    """Which looks were not taken, and what the one at slices says."""
    sliced = look.on_page(record.metrics)
    return [*looks.withheld(reference, record.metrics.get("runs_to_pool")), *sliced]


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
    """The features, the most unusual first; of those beyond the limit the ones first that carry more of the scores."""
    shares = record.reasons.shares
    # Nobody reads here which columns a group has: one that moves with others counts as the heaviest group.
    of_groups = max((share for name, share in shares.items() if name not in record.features), default=0.0)

    def place_of(item: tuple[str, Mapping[str, float]]) -> tuple[bool, float, str]:
        unusualness = max(item[1].get(name, 0) for name in _LOOKS)
        weight = shares.get(item[0], of_groups) if shares and unusualness > 1 else 1.0
        return unusualness <= 1, -unusualness * weight, item[0]

    ordered = sorted(record.features.items(), key=place_of)
    return [
        Feature(
            name,
            values,
            _drawn(record.profiles, reference, name, name) if place < MOST_PICTURES else None,
            shares.get(name),
        )
        for place, (name, values) in enumerate(ordered)
    ]


def _histories(record: Record) -> list[tuple[str, Markup]]:
    """A picture for each value that one of the last days has."""
    at = record.run["score_date"]
    drawn = []
    recent = [day for day in record.days if day.score_date > at - _WEEKS]
    for caption, (value, own) in _VALUES.items():
        values = by_day(recent, at, value)
        # Whatever else there is of the same day, this run's page has this run's value, or none.
        values[at] = own(record)
        if any(number is not None for number in values.values()):
            drawn.append((caption, histories.history(f"{caption}, day by day", values, at)))
    return drawn


def _ways(record: Record, links: Links) -> Iterator[tuple[str, str]]:
    """Where the page leads to: all jobs, the dates beside its own, the DAG run, and where it is decided."""
    run = record.run
    yield "Scoring", links.scoring
    for mark, other in (("← {}", record.previous), ("{} →", record.following)):
        if other:
            yield mark.format(other[0]), links.report(run["job"], other[1])
    if dag_run := links.dag_run(run["job"], run["trigger"]):
        yield "DAG run", dag_run
    if run["status"] == "held" and (form := links.form(run["job"], run["trigger"])):
        yield "Approve or reject", form


def _by_share(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


# What the pictures of the last weeks look back on.
_WEEKS = timedelta(weeks=6)
_SCORE = ""
_SHARE = "label_share:"
# How unusual a feature is by itself, and with the runs before.
_LOOKS = ("unusualness", *(f"unusualness_{size}_runs" for size in windows.SIZES))
# Of a day, as analysts see it, and of the run that the page is about.
_VALUES: dict[str, tuple[Callable[[DaySummary], float | None], Callable[[Record], float | None]]] = {
    "Rows scored": (lambda day: day.rows_scored, lambda record: record.run["rows_scored"]),
    "Rows rejected": (lambda day: day.rows_rejected, lambda record: record.run["rows_rejected"]),
    "Mean score": (lambda day: day.score_mean, lambda record: record.metrics.get("score_mean")),
}
