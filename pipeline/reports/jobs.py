"""What job files say of jobs, for people: whose they are, when they run next, what they promise, or why they cannot."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from pipeline.config import dates, loader
from pipeline.config.job import Job, JobError

# Schedules that are due more rarely have no next run that is worth a look ahead.
_AHEAD = timedelta(days=400)


@dataclass(frozen=True)
class JobFacts:
    """A job as its file has it.

    Attributes:
        owner: who answers for it; empty where the file does not say.
        next_run: when it is due next; None where it is paused, over, or nobody knows.
        paused: whether its DAG is paused.
        zone: the job's time zone; UTC where the file does not say.
        promise: until when a score date is published; None where nothing is promised.
        error: why its file cannot be used; None where it can.
    """

    owner: str = ""
    next_run: datetime | None = None
    paused: bool = False
    zone: str = "UTC"
    promise: str | None = None
    error: str | None = None


def read(
    folder: Path, names: Iterable[str] | None, paused: Container[str], now: datetime
) -> dict[str, JobFacts]:
    """What the files of some jobs say, by job; a job without a file is left out.

    Args:
        folder: of the job files.
        names: the jobs; None for every one.
        paused: the jobs whose DAGs are paused.
        now: the instant from which on a run is the next.
    """
    facts = {}
    for path in loader.files(folder):
        if names is not None and path.stem not in names:
            continue
        try:
            facts[path.stem] = _of(loader.read(path), path.stem in paused, now)
        except JobError as error:
            facts[path.stem] = JobFacts(error=str(error))
    return facts


def _of(job: Job, paused: bool, now: datetime) -> JobFacts:
    return JobFacts(
        owner=job.owner,
        next_run=None if paused else _next_run(job, now),
        paused=paused,
        zone=job.timezone,
        promise=_promise(job),
    )


def _next_run(job: Job, now: datetime) -> datetime | None:
    first = datetime.combine(job.start_date, time(), job.zone).astimezone(UTC) - timedelta(microseconds=1)
    due = next(dates.due_times(job.schedule, job.zone, max(first, now), max(first, now) + _AHEAD), None)
    return None if due is None or _is_over(job, due.astimezone(job.zone).date()) else due


def _is_over(job: Job, day: date) -> bool:
    return job.end_date is not None and day > job.end_date


def _promise(job: Job) -> str | None:
    if job.promise is None:
        return None
    if job.promise.published_by:
        return f"published by {job.promise.published_by}"
    return f"published within {job.promise.within_hours:g} h"
