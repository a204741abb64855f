"""The page that lists jobs: first what needs a person, then each with its last score dates at a glance."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TypeVar

from markupsafe import Markup

from pipeline.reports import alarms, attention, queries, render
from pipeline.reports.alarms import PROMISED, Promise
from pipeline.reports.attention import Item
from pipeline.reports.days import DaySummary, by_day
from pipeline.reports.jobs import JobFacts
from pipeline.reports.links import Links
from pipeline.reports.pictures import calendars, histories
from pipeline.reports.pictures.calendars import Cell

Row = TypeVar("Row", DaySummary, Promise)

# What sparklines look back on; the calendar goes further.
_WEEKS = timedelta(weeks=8)


@dataclass(frozen=True)
class Sparkline:
    """A number of a job, day by day: its name and last value, and its picture."""

    caption: str
    latest: str
    picture: Markup


@dataclass(frozen=True)
class Lane:
    """A job's last score dates.

    Attributes:
        job: its name.
        facts: what its file says.
        last: its last day; None where it has not run.
        level: as a traffic light: the gravest of what needs a person, else that of its last day.
        word: what the light means here.
        sentence: what became of that day.
        href: where that day's report is.
        kept: how well it keeps its promise.
        calendar: every day as a light.
        sparklines: its numbers, day by day.
    """

    job: str
    facts: JobFacts
    last: DaySummary | None
    level: str
    word: str
    sentence: str
    href: str | None
    kept: str | None
    calendar: Markup | None
    sparklines: list[Sparkline]


def overview(
    predictions: str, jobs: Sequence[str], links: Links, facts: Mapping[str, JobFacts] | None = None
) -> str:
    """Write the page.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        jobs: the jobs that its reader may see. Those come first that need a person; those are left out that never
            ran, owe nothing, and have no file.
        links: where other pages are.
        facts: what the job files say, by job; also of a job that is no DAG any more, since its file is broken.
    """
    known = facts or {}
    days = _by_job(queries.days(predictions, jobs))
    promises = _by_job(queries.promises(predictions, jobs))
    lanes: list[Lane] = []
    items: list[Item] = []
    for job in sorted({*days, *promises, *known}):
        history = History(job, days.get(job, []), promises.get(job, []), known.get(job, JobFacts()))
        urgent = attention.items(job, history.days, history.promises, history.facts, links)
        lanes.append(_lane(history, links, urgent))
        items += urgent
    return render.page(
        "overview.html.jinja",
        now=datetime.now(UTC),
        items=sorted(items, key=_gravity),
        lanes=sorted(lanes, key=_gravity),
        counts=_counts(lanes),
        card=links.card,
        legend=calendars.LEGEND,
    )


@dataclass(frozen=True)
class History:
    """All that the page knows of a job: its days and its promises in order, and what its file says."""

    job: str
    days: list[DaySummary]
    promises: list[Promise]
    facts: JobFacts


def _by_job(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {job: list(group) for job, group in groupby(rows, key=lambda row: row.job)}


def _gravity(each: Item | Lane) -> int:
    """The place of what needs a person: the gravest first."""
    return _LEVELS.index(each.level)


def _counts(lanes: Sequence[Lane]) -> str:
    counted = ((sum(lane.level == level for lane in lanes), calendars.WORDS[level]) for level in _LEVELS)
    jobs = f"{len(lanes)} job{'s' if len(lanes) > 1 else ''}"
    return f"{jobs}: " + ", ".join(f"{count} {word}" for count, word in counted if count)


def _lane(history: History, links: Links, told: Sequence[Item]) -> Lane:
    last = history.days[-1] if history.days else None
    levels = [item.level for item in told] + [last.level if last else "none"]
    level = min(levels, key=_LEVELS.index)
    words = [item.word for item in told if item.level == level]
    cells = _cells(history, links)
    return Lane(
        job=history.job,
        facts=history.facts,
        last=last,
        level=level,
        word=words[0] if words else calendars.WORDS[level],
        sentence=_sentence(last) if last else "never ran",
        href=links.report(last.job, last.run_id) if last else None,
        kept=_kept(history.promises),
        calendar=calendars.calendar(f"{history.job}: the last weeks", cells) if cells else None,
        sparklines=list(_sparklines(history.days, last.score_date)) if last else [],
    )


def _cells(history: History, links: Links) -> dict[date, Cell]:
    """Every day that has a run or fell due; a day that nobody began to score leads nowhere."""
    cells = {
        promise.score_date: Cell("bad", f"{promise.score_date}: {PROMISED[promise.status]}")
        for promise in history.promises
        if promise.is_late
    }
    became = {promise.score_date: list(alarms.of_promise(promise)) for promise in history.promises}
    for day in history.days:
        late = became.get(day.score_date, [])
        level = "warn" if late and day.level == "good" else day.level
        text = "; ".join([_sentence(day), *(alarm.sentence for alarm in late)])
        cells[day.score_date] = Cell(level, text, links.report(day.job, day.run_id))
    return cells


def _kept(promises: Sequence[Promise]) -> str | None:
    """How often the promise was kept, of the score dates whose time has passed."""
    over = [promise for promise in promises if promise.status != "due"]
    if not over:
        return None
    kept = sum(promise.status in ("published", "empty") for promise in over)
    return f"kept on {kept} of {len(over)} dates, the last: {PROMISED[over[-1].status]}"


def _sparklines(days: Sequence[DaySummary], last: date) -> Iterator[Sparkline]:
    recent = [day for day in days if day.score_date > last - _WEEKS]
    for caption, value in _VALUES.items():
        values = by_day(recent, last, value)
        numbers = [number for number in values.values() if number is not None]
        if numbers:
            picture = histories.history(f"{caption}, day by day", values, last, small=True)
            # A day that failed has no value, and not that of the one before.
            newest = max(day for day, number in values.items() if number is not None)
            dated = "" if newest == last else f" on {newest:%-d %b}"
            yield Sparkline(caption, f"{numbers[-1]:,.4g}{dated}", picture)


def _sentence(day: DaySummary) -> str:
    state = "rejected" if day.rejected else day.status
    if day.shown and day.served_by != "model":
        state = "served by its fallback"
        if day.staleness_days:
            state += f", the scores of {day.score_date - timedelta(days=day.staleness_days)} again"
    rows = "" if day.rows_scored is None else f", {day.rows_scored:,} rows scored"
    unusual = "".join(f", {note}" for note in day.notes)
    held = f", run {day.held_run_id} waits for a person" if day.held_run_id not in (None, day.run_id) else ""
    failed = f", run {day.failed_run_id} failed afterwards" if day.failed_run_id else ""
    return f"{day.score_date}: {state}{rows}{unusual}{held}{failed}"


# Those first that need attention.
_LEVELS = ("bad", "warn", "none", "good")
_VALUES: dict[str, Callable[[DaySummary], float | None]] = {
    "Rows scored": lambda day: day.rows_scored,
    "Mean score": lambda day: day.score_mean,
    "ROC AUC": lambda day: day.figure("roc_auc"),
    "RMSE": lambda day: day.figure("rmse"),
}
