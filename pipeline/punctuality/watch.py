"""One look at every promise: what fell due is noted, and people are told once of what is not kept."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.workspace import Lookup
from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import ScoringError, named
from pipeline.integrations import outbox
from pipeline.punctuality import broken_files
from pipeline.punctuality.broken_files import Broken
from pipeline.punctuality.incidents import BROKEN
from pipeline.punctuality.promises import Late, look_at

log = logging.getLogger(__name__)

_SQL = statements.load("punctuality/watch")

# Id of an Apprise connection -> its addresses.
Addresses = Callable[[str], tuple[str, ...]]


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
    if not usable and not broken:
        # A volume that is not mounted is no sign that every promise is kept, nor that they are withdrawn.
        log.error("%s: no job file is there. Set SCORING_HOME to the folder that holds dags/.", folder)
        return Seen((), frozenset(), complete=False)
    for job in usable:
        with _noting(faults, job.name):
            url = database(job.write.connection)
            late += look_at(url, job, now)
            outboxes |= {(url, job.alerts.to)} if job.alerts.to else set()
    for file in broken:
        late.append(Late(file.job, None, BROKEN, None, file.reason))
        with _noting(faults, file.job):
            url = database(file.predictions)
            outboxes |= {(url, recipient) for recipient in _note_broken(url, file, usable, now)}
    _withdraw(usable, broken, database, now, faults)
    return Seen(tuple(late), frozenset(outboxes), complete=not faults)


@contextmanager
def _noting(faults: list[str], subject: str) -> Iterator[None]:
    try:
        yield
    except (ScoringError, sa.exc.SQLAlchemyError, UnicodeError) as error:
        reason = named(error, str(error).partition("\n")[0])
        log.error("%s: %s: %s", subject, type(error).__name__, reason)
        faults.append(subject)
    except Exception:  # whatever it is, the other jobs are looked at, and the other messages sent
        log.exception("%s: it could not be looked at, or not be told of", subject)
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


def _note_broken(url: str, broken: Broken, others: Sequence[Job], now: datetime) -> list[str]:
    with engine(url).begin() as connection:
        began, is_new = broken_files.since_in(connection, broken, now)
        recipients = broken_files.recipients_in(connection, broken, others)
        if is_new:
            log.warning("%s cannot be used: %s", broken.file, broken.reason)
        for recipient in recipients if is_new else ():
            outbox.enqueue(connection, recipient, broken_files.message(broken, began))
    return recipients


def _withdraw(
    usable: Sequence[Job], broken: Sequence[Broken], database: Lookup, now: datetime, faults: list[str]
) -> None:
    """Note the promises that are gone, in each of the databases that the job files name."""
    promising = [job.name for job in usable if job.promise] + [file.job for file in broken]
    connections = {job.write.connection for job in usable} | {file.predictions for file in broken}
    for conn_id in sorted(connections):
        with _noting(faults, conn_id), engine(database(conn_id)).begin() as connection:
            connection.execute(sa.text(_SQL["withdrawn"]), {"jobs": promising, "now": now})
