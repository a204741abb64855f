"""The page that lists jobs, each with its last score dates at a glance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup

from pipeline.reports import axes, calendars, charts, queries, render
from pipeline.reports.calendars import Cell
from pipeline.reports.queries import DaySummary
from pipeline.reports.report import by_day

Link = Callable[[DaySummary], str]


@dataclass(frozen=True)
class Sparkline:
    """A number of a job, day by day: its name and last value, its range, and its picture."""

    caption: str
    spread: str
    picture: Markup


@dataclass(frozen=True)
class Lane:
    """A job's last score dates.

    Attributes:
        job: its name.
        last: its last day.
        level: as a traffic light: that of its last day, and no better than `warn` while an earlier one waits.
        sentence: what became of that day.
        href: where that day's report is.
        waiting: sentences on earlier days that wait for a person, and where their reports are.
        calendar: every day as a light.
        span: from when to when.
        sparklines: its numbers, day by day.
    """

    job: str
    last: DaySummary
    level: str
    sentence: str
    href: str
    waiting: list[tuple[str, str]]
    calendar: Markup
    span: str
    sparklines: list[Sparkline]


def overview(predictions: str, jobs: Sequence[str], link: Link) -> str:
    """Write the page.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        jobs: the jobs that its reader may see; those that never ran are left out. Those come first that need
            attention.
        link: where a day's report is.
    """
    days = queries.days(predictions, jobs)
    lanes = [_lane(list(group), link) for _, group in groupby(days, key=lambda day: day.job)]
    lanes.sort(key=lambda lane: (_LEVELS.index(lane.level), lane.job))
    counted = ((sum(lane.level == level for lane in lanes), calendars.WORDS[level]) for level in _LEVELS)
    counts = ", ".join(f"{count} {word}" for count, word in counted if count)
    return render.page(
        "overview.html.jinja",
        lanes=lanes,
        counts=counts,
        legend=calendars.LEGEND,
        promises=[(promise, _PROMISED[promise.status]) for promise in queries.promises(predictions, jobs)],
    )


def _lane(days: list[DaySummary], link: Link) -> Lane:
    last = days[-1]
    cells = {day.score_date: Cell(day.level, _sentence(day), link(day)) for day in days}
    waiting = [(_sentence(day), link(day)) for day in days[:-1] if day.held_run_id is not None]
    return Lane(
        job=last.job,
        last=last,
        level="warn" if waiting and last.level != "bad" else last.level,
        sentence=_sentence(last),
        href=link(last),
        waiting=waiting,
        calendar=calendars.calendar(f"{last.job}: the last days", cells),
        span=f"{days[0].score_date:%-d %b} to {last.score_date:%-d %b %Y}",
        sparklines=list(_sparklines(days, last.score_date)),
    )


def _sparklines(days: list[DaySummary], last: date) -> Iterator[Sparkline]:
    for caption, value in _VALUES.items():
        values = by_day(days, last, value)
        numbers = [number for number in values.values() if number is not None]
        if numbers:
            least, most = axes.figures([min(numbers), max(numbers)])
            spread = f"{least} to {most}" if min(numbers) < max(numbers) else "as always"
            picture = charts.history(f"{caption}, day by day", values, last, small=True)
            # A day that failed has no value, and not that of the one before.
            latest = (
                f"last {numbers[-1]:,.4g}" if values[last] is not None else f"none, before {numbers[-1]:,.4g}"
            )
            yield Sparkline(f"{caption}: {latest}", spread, picture)


def _sentence(day: DaySummary) -> str:
    state = "rejected" if day.rejected else day.status
    if day.shown and day.served_by != "model":
        state = "served by its fallback"
        if day.staleness_days:
            state += f", the scores of {day.score_date - timedelta(days=day.staleness_days)} again"
    rows = "" if day.rows_scored is None else f", {day.rows_scored:,} rows scored"
    unusual = f", {day.findings} finding{'s' if day.findings > 1 else ''}" if day.findings else ""
    held = f", run {day.held_run_id} waits for a person" if day.held_run_id not in (None, day.run_id) else ""
    failed = f", run {day.failed_run_id} failed afterwards" if day.failed_run_id else ""
    return f"{day.score_date}: {state}{rows}{unusual}{held}{failed}"


# What the view `punctuality` says, for a reader.
_PROMISED = {
    "published": "published in time",
    "published_late": "published late",
    "empty": "no rows, which the job skips",
    "due": "not published yet",
    "late": "late: its run is not over",
    "missing": "missing: no run has begun",
    "skipped": "skipped by an outage",
    "held": "held: a person decides",
    "failed": "its run failed",
    "rejected": "its run was rejected",
    "fallback": "a fallback is served",
}
# Those first that need attention.
_LEVELS = ("bad", "warn", "none", "good")
_VALUES: dict[str, Callable[[DaySummary], float | None]] = {
    "Rows scored": lambda day: day.rows_scored,
    "Mean score": lambda day: day.score_mean,
    "ROC AUC": lambda day: day.roc_auc,
    "RMSE": lambda day: day.rmse,
}
