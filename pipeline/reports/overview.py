"""The page that lists jobs, each with its last nights at a glance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup

from pipeline.reports import axes, calendars, charts, queries, render
from pipeline.reports.calendars import Cell
from pipeline.reports.queries import Night
from pipeline.reports.report import by_night

Link = Callable[[Night], str]


@dataclass(frozen=True)
class Sparkline:
    """A number of a job, night by night: what it is and was last, from what to what it went, and its picture."""

    caption: str
    spread: str
    picture: Markup


@dataclass(frozen=True)
class Lane:
    """A job's last nights.

    Attributes:
        job: its name.
        last: its last night.
        level: as a traffic light: that of its last night, and no better than to look at while an earlier one waits.
        told: what that night was, in words.
        href: where that night's report is.
        waiting: what earlier nights that wait for a person were, and where their reports are.
        calendar: every night as a light.
        span: from when to when.
        sparklines: its numbers, night by night.
    """

    job: str
    last: Night
    level: str
    told: str
    href: str
    waiting: list[tuple[str, str]]
    calendar: Markup
    span: str
    sparklines: list[Sparkline]


def overview(predictions: str, jobs: Sequence[str], link: Link) -> str:
    """Write the page.

    Args:
        predictions: address of the predictions database, as any role that may read the views.
        jobs: the jobs that its reader may see; those that never ran are left out. Those come first that somebody has
            to look at.
        link: where a night's report is.
    """
    nights = queries.nights(predictions, jobs)
    lanes = [_lane(list(group), link) for _, group in groupby(nights, key=lambda night: night.job)]
    lanes.sort(key=lambda lane: (_LEVELS.index(lane.level), lane.job))
    counted = ((sum(lane.level == level for lane in lanes), calendars.WORDS[level]) for level in _LEVELS)
    counts = ", ".join(f"{count} {said}" for count, said in counted if count)
    return render.page("overview.html.jinja", lanes=lanes, counts=counts, legend=calendars.LEGEND)


def _lane(nights: list[Night], link: Link) -> Lane:
    last = nights[-1]
    cells = {night.score_date: Cell(night.level, _told(night), link(night)) for night in nights}
    waiting = [(_told(night), link(night)) for night in nights[:-1] if night.held_run_id is not None]
    return Lane(
        job=last.job,
        last=last,
        level="warn" if waiting and last.level != "bad" else last.level,
        told=_told(last),
        href=link(last),
        waiting=waiting,
        calendar=calendars.calendar(f"{last.job}: the last nights", cells),
        span=f"{nights[0].score_date:%-d %b} to {last.score_date:%-d %b %Y}",
        sparklines=list(_sparklines(nights, last.score_date)),
    )


def _sparklines(nights: list[Night], last: date) -> Iterator[Sparkline]:
    for caption, value in _VALUES.items():
        values = by_night(nights, last, value)
        known = [one for one in values.values() if one is not None]
        if known:
            least, most = axes.figures([min(known), max(known)])
            spread = f"{least} to {most}" if min(known) < max(known) else "as always"
            picture = charts.history(f"{caption}, night by night", values, last, small=True)
            # A night that failed has no value, and not that of the one before.
            told = f"last {known[-1]:,.4g}" if values[last] is not None else f"none, before {known[-1]:,.4g}"
            yield Sparkline(f"{caption}: {told}", spread, picture)


def _told(night: Night) -> str:
    state = "rejected" if night.rejected else night.status
    if night.shown and night.served_by != "model":
        state = "served by its fallback"
        if night.staleness_days:
            state += f", the scores of {night.score_date - timedelta(days=night.staleness_days)} again"
    rows = "" if night.rows_scored is None else f", {night.rows_scored:,} rows scored"
    unusual = f", {night.findings} finding{'s' if night.findings > 1 else ''}" if night.findings else ""
    held = (
        f", run {night.held_run_id} waits for a person"
        if night.held_run_id not in (None, night.run_id)
        else ""
    )
    failed = f", run {night.failed_run_id} failed afterwards" if night.failed_run_id else ""
    return f"{night.score_date}: {state}{rows}{unusual}{held}{failed}"


# Those first that somebody has to look at.
_LEVELS = ("bad", "warn", "none", "good")
_VALUES: dict[str, Callable[[Night], float | None]] = {
    "Rows scored": lambda night: night.rows_scored,
    "Mean score": lambda night: night.score_mean,
    "ROC AUC": lambda night: night.roc_auc,
    "RMSE": lambda night: night.rmse,
}
