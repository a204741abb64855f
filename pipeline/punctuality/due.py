"""What a job owes: which score dates are due, when, and by when they are promised."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection
from pipeline.config.sections import PromiseSection

# How far a watch looks back. What is older stays in the view `punctuality`, and is nobody's alarm any more.
WINDOW = timedelta(days=35)


@dataclass(frozen=True)
class Due:
    """A score date that a job owes.

    Attributes:
        score_date: the day whose rows are scored.
        due_at: when its run is due.
        promised_at: until when it is published.
    """

    score_date: date
    due_at: datetime
    promised_at: datetime


def due_dates(job: Job, promise: PromiseSection, after: datetime, until: datetime) -> Iterator[Due]:
    """The score dates that fall due after one instant and until another, each when it does so first.

    Args:
        job: whose schedule, first and last day count.
        promise: the job's.
        after: nothing that was due until then.
        until: nothing that is due later.
    """
    first = datetime.combine(job.start_date, time(), job.zone).astimezone(UTC)
    if job.end_date:
        last = datetime.combine(job.end_date, time.max, job.zone).astimezone(UTC)
        until = min(until, last)
    seen = None
    # From the day before: a date with several runs is owed from the first of them.
    for due in dates.due_times(job.schedule, job.zone, after - timedelta(days=2), until):
        day = dates.score_date(None, due, due, job.zone, job.days_back, job.schedule)
        if day != seen and due > after and due >= first:
            yield Due(day, due, promised_at(due, promise, job.zone))
        seen = day


def promised_at(due: datetime, promise: PromiseSection, zone: ZoneInfo) -> datetime:
    """Until when a score date is promised: the first such time of day after it is due, or so many hours later."""
    if promise.within_hours is not None:
        return due + timedelta(hours=promise.within_hours)
    clock = time.fromisoformat(promise.published_by or "")
    day = due.astimezone(zone).date()
    promised = dates.instant(datetime.combine(day, clock), zone)
    return (
        promised if promised > due else dates.instant(datetime.combine(day + timedelta(days=1), clock), zone)
    )


def promise_of(job: Job, promise: PromiseSection, score_date: date) -> datetime | None:
    """Until when a score date is promised; None where the schedule never makes it due."""
    begin = datetime.combine(score_date + timedelta(days=job.days_back), time(), job.zone).astimezone(UTC)
    # A time that the clocks skip at midnight comes on the next day.
    due = due_dates(job, promise, begin - timedelta(seconds=1), begin + timedelta(days=2))
    return next((one.promised_at for one in due if one.score_date == score_date), None)


def wait_until(job: Job, ready: ReadySection, score_date: date, began: datetime) -> datetime:
    """Until when a run that began at an instant waits for its source: so many hours, or until the promise.

    A date that nobody is owed, or that was promised before the run began, is asked for once.
    """
    if ready.wait_hours is not None:
        return began + timedelta(hours=ready.wait_hours)
    promised = promise_of(job, job.promise, score_date) if job.promise else None
    return max(promised or began, began)


def since(job: Job, first_seen: datetime) -> datetime:
    """From when on a job owes what is due: from its start where Airflow makes up for it, else from its first run."""
    start = datetime.combine(job.start_date, time(), job.zone).astimezone(UTC)
    return (
        start - timedelta(microseconds=1)
        if job.catchup
        else max(start - timedelta(microseconds=1), first_seen)
    )
