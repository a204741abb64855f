"""One look at every promise: what fell due is noted, and people are told once of what is not kept."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import PromiseSection
from pipeline.config.workspace import Lookup
from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import ScoringError, named
from pipeline.integrations import outbox
from pipeline.punctuality import broken_files, due, messages
from pipeline.punctuality.broken_files import Broken
from pipeline.punctuality.incidents import BROKEN, DueDate, decide

log = logging.getLogger(__name__)

_SQL = statements.load("punctuality/watch")

# Id of an Apprise connection -> its addresses.
Addresses = Callable[[str], tuple[str, ...]]


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


@dataclass(frozen=True)
class Seen:
    """What a look has seen.

    Attributes:
        late: what is not kept.
        outboxes: the database and recipient of every message that may wait to be sent.
        complete: whether every job could be looked at.
    """

    late: tuple[Late, ...]
    outboxes: frozenset[tuple[str, str]]
    complete: bool


def look(folder: Path, database: Lookup, now: datetime) -> Seen:
    """Look once at every job of a folder, and enter what people are told.

    What cannot be read of one job is logged, and the others are looked at all the same.

    Args:
        folder: of the job files.
        database: gives the database_url of a connection's predictions database, as the role that watches.
        now: the instant of the look.
    """
    usable, broken = broken_files.read_all(folder)
    late: list[Late] = []
    outboxes: set[tuple[str, str]] = set()
    faults: list[str] = []
    for job in usable:
        with _noting(faults, job.name):
            url = database(job.write.connection)
            late += _look_at(url, job, now)
            outboxes |= {(url, job.alerts.to)} if job.alerts.to else set()
    for file in broken:
        late.append(Late(file.job, None, BROKEN, None, file.reason))
        with _noting(faults, file.job):
            url = database(file.predictions)
            outboxes |= {(url, recipient) for recipient in _note_broken(url, file, usable, now)}
    with _noting(faults, str(folder)):
        _withdraw(usable, broken, database, now)
    return Seen(tuple(late), frozenset(outboxes), complete=not faults)


@contextmanager
def _noting(faults: list[str], subject: str) -> Iterator[None]:
    try:
        yield
    except (ScoringError, sa.exc.SQLAlchemyError) as error:
        reason = named(error, str(error).splitlines()[0])
        log.error("%s: %s: %s", subject, type(error).__name__, reason)
        faults.append(subject)


def send(outboxes: Iterable[tuple[str, str]], addresses: Addresses) -> bool:
    """Send what waits, all of a recipient's as one; returns whether all of it was sent.

    A message that is not sent now is kept, and sent by the next look.
    """
    faults: list[str] = []
    for url, recipient in sorted(outboxes):
        with _noting(faults, recipient):
            if outbox.waiting(url, recipient):
                outbox.send(url, recipient, addresses(recipient))
    return not faults


def _look_at(url: str, job: Job, now: datetime) -> list[Late]:
    with engine(url).begin() as connection:
        if job.promise is None:
            _mend(connection, job, now)
            return []
        values = {"job": job.name, "now": now}
        if connection.execute(sa.text(_SQL["watch"]), values).rowcount == 0:
            connection.execute(sa.text(_SQL["resume"]), values)
        watched = connection.execute(sa.text(_SQL["lock"]), values).one()
        _note_due(connection, job, job.promise, watched.since, now)
        dates = _dates(connection, job, now)
        if watched.broken_since is not None:
            dates = _after_mending(connection, job, dates, watched.broken_since, now)
        decision = decide(dates, now)
        for before, after in zip(dates, decision.dates, strict=True):
            if before != after:
                told = {"incident": after.incident, "told": list(after.told), "score_date": after.score_date}
                connection.execute(sa.text(_SQL["tell"]), {**told, "job": job.name})
        for news in decision.news:
            _enqueue(
                connection, job, messages.lapse(job, news) if news.cause else messages.all_clear(job, news)
            )
    return [
        Late(job.name, one.score_date, cause, one.promised_at, one.reason)
        for one in decision.dates
        if (cause := one.lapse(now))
    ]


def _note_due(
    connection: sa.Connection, job: Job, promise: PromiseSection, first: datetime, now: datetime
) -> None:
    """Enter the score dates that fell due since the last look."""
    last = connection.execute(sa.text(_SQL["last_due"]), {"job": job.name}).scalar_one()
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
    told = {"incident": first, "told": [BROKEN]}
    for one in missed:
        connection.execute(sa.text(_SQL["tell"]), {**told, "job": job.name, "score_date": one.score_date})
    return _dates(connection, job, now)


def _mend(connection: sa.Connection, job: Job, now: datetime) -> None:
    watched = connection.execute(sa.text(_SQL["lock"]), {"job": job.name}).one_or_none()
    if watched is not None and watched.broken_since is not None:
        connection.execute(sa.text(_SQL["mended"]), {"job": job.name})
        _enqueue(connection, job, messages.mended(job, watched.broken_since, now))


def _note_broken(url: str, broken: Broken, others: Sequence[Job], now: datetime) -> list[str]:
    with engine(url).begin() as connection:
        is_new = connection.execute(sa.text(_SQL["broken"]), {"job": broken.job, "now": now}).first()
        recipients = broken_files.recipients_in(connection, broken, others)
        if is_new:
            log.warning("%s cannot be used: %s", broken.file, broken.reason)
        for recipient in recipients if is_new else ():
            outbox.enqueue(connection, recipient, broken_files.message(broken))
    return recipients


def _withdraw(usable: Sequence[Job], broken: Sequence[Broken], database: Lookup, now: datetime) -> None:
    """Note the promises that are gone, in each of the databases that the job files name."""
    promising = [job.name for job in usable if job.promise] + [file.job for file in broken]
    connections = {job.write.connection for job in usable} | {file.predictions for file in broken}
    for url in sorted({database(conn_id) for conn_id in connections}):
        with engine(url).begin() as connection:
            connection.execute(sa.text(_SQL["withdrawn"]), {"jobs": promising, "now": now})


def _enqueue(connection: sa.Connection, job: Job, alert: outbox.Alert) -> None:
    log.warning("%s", alert.title)
    if job.alerts.to:
        outbox.enqueue(connection, job.alerts.to, alert)
    else:
        log.warning("%s names nobody in [alerts] to: no message is sent", f"{job.name}.toml")
