"""One look at a job's promise, in one transaction: what fell due is noted, and people are told what is news."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import PromiseSection
from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.integrations import outbox
from pipeline.punctuality import due, messages
from pipeline.punctuality.incidents import BROKEN, DueDate, decide

log = logging.getLogger(__name__)

_SQL = statements.load("punctuality/promises")


@dataclass(frozen=True)
class Late:
    """A promise that is not kept, or a job file that cannot be used.

    Attributes:
        job: the job's name.
        score_date: the score date; None for a job file.
        status: as the view `punctuality` has it, or `broken`.
        promised_at: until when it was to be published.
        reason: why, as far as a run or the file says.
    """

    job: str
    score_date: date | None
    status: str
    promised_at: datetime | None
    reason: str | None


def look_at(url: str, job: Job, now: datetime) -> list[Late]:
    """Look at a job whose file can be used; returns what is not kept.

    Args:
        url: of the predictions database, as the role that watches.
        job: the job, with a promise or without.
        now: the instant of the look.
    """
    with engine(url).begin() as connection:
        if job.promise is None:
            _mend(connection, job, now)
            return []
        values = {"job": job.name, "now": now}
        new = connection.execute(sa.text(_SQL["watch"]), values).rowcount
        if not new and connection.execute(sa.text(_SQL["resume"]), values).rowcount:
            connection.execute(sa.text(_SQL["forget"]), values)
        watched = connection.execute(sa.text(_SQL["lock"]), values).one()
        _note_due(connection, job, job.promise, watched.since, now)
        dates = _dates(connection, job, now)
        if watched.broken_since is not None:
            dates = _after_mending(connection, job, dates, watched.broken_since, now)
        decision = decide(dates, now)
        for before, after in zip(dates, decision.dates, strict=True):
            if before != after:
                notice = {
                    "incident": after.incident,
                    "told": list(after.told),
                    "score_date": after.score_date,
                }
                connection.execute(sa.text(_SQL["tell"]), {**notice, "job": job.name})
        for news in decision.news:
            _enqueue(
                connection, job, messages.lapse(job, news) if news.cause else messages.all_clear(job, news)
            )
    return [
        Late(job.name, one.score_date, cause, one.promised_at, one.reason)
        for one in decision.dates
        if (cause := one.lapse(now))
    ]


def mend(url: str, jobs: Sequence[Job], now: datetime) -> list[Job]:
    """Note whose files can be used again, where no watch looks after a promise; returns those of whom that is news."""
    with engine(url).begin() as connection:
        broken = set(connection.execute(sa.text(_SQL["broken"])).scalars())
        return [job for job in jobs if job.name in broken and _mend(connection, job, now)]


def _note_due(
    connection: sa.Connection, job: Job, promise: PromiseSection, first: datetime, now: datetime
) -> None:
    """Enter the score dates that fell due since the last look."""
    last = connection.execute(sa.text(_SQL["last_due"]), {"job": job.name, "now": now}).scalar_one()
    begin = max(due.since(job, first), now - due.WINDOW, *([last] if last else []))
    if owed := [{"job": job.name, **asdict(one)} for one in due.due_dates(job, promise, begin, now)]:
        connection.execute(sa.text(_SQL["due"]), owed)


def _dates(connection: sa.Connection, job: Job, now: datetime) -> list[DueDate]:
    rows = connection.execute(sa.text(_SQL["dates"]), {"job": job.name, "after": now - due.WINDOW}).mappings()
    return [DueDate(**{**row, "told": tuple(row["told"])}) for row in rows]


def _after_mending(
    connection: sa.Connection, job: Job, dates: list[DueDate], broken_since: datetime, now: datetime
) -> list[DueDate]:
    """The dates, those that fell due while the job file was broken as one incident that people were told of."""
    connection.execute(sa.text(_SQL["mended"]), {"job": job.name})
    missed = [one for one in dates if one.due_at >= broken_since and one.incident is None]
    if not missed:
        _enqueue(connection, job, messages.mended(job, broken_since, now))
        return dates
    first = missed[0].score_date
    notice = {"incident": first, "told": [BROKEN]}
    for one in missed:
        connection.execute(sa.text(_SQL["tell"]), {**notice, "job": job.name, "score_date": one.score_date})
    return _dates(connection, job, now)


def _mend(connection: sa.Connection, job: Job, now: datetime) -> bool:
    watched = connection.execute(sa.text(_SQL["lock"]), {"job": job.name}).one_or_none()
    if watched is None or watched.broken_since is None or (job.promise and watched.since):
        return False
    connection.execute(sa.text(_SQL["mended"]), {"job": job.name})
    _enqueue(connection, job, messages.mended(job, watched.broken_since, now))
    return True


def _enqueue(connection: sa.Connection, job: Job, alert: outbox.Alert) -> None:
    log.warning("%s", alert.title)
    if job.alerts.to:
        outbox.enqueue(connection, job.alerts.to, alert)
    else:
        log.warning("%s names nobody in [alerts] to: no message is sent", f"{job.name}.toml")
