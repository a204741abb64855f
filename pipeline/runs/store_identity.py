"""Whose a store is: nothing is written into it, or thrown away, for a database that it does not belong to.

The database has an identity, a UUID; the store says for every job to which database the job's runs belong. And every
run's number is claimed in the store before the database keeps it. So a database that was restored from a backup, whose
numbers begin again where the backup ended, is seen for what it is.

With its identity the database has a key, which seals what it writes into the store. A backup has the same key.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.runs import folders, ledger
from pipeline.store import objects
from pipeline.store.files import StoreError
from pipeline.store.parts import PartError

_SQL = statements.load("runs/store_identity")

log = logging.getLogger(__name__)

_JOBS = f"{objects.FOLDER}/jobs"
_RUNS = f"{objects.FOLDER}/runs"
# Claims lie a thousand to a folder: the highest is two short listings away.
_THOUSAND = 1000
_NUMBER = re.compile("[0-9]{1,18}")


class ForeignStore(StoreError):
    """A store whose runs of a job are another database's, or nobody's that is known."""


class BehindStore(StoreError):
    """A database that has forgotten runs which its store holds: it was restored from a backup."""


@dataclass(frozen=True)
class Database:
    """A predictions database.

    Attributes:
        database_id: its identity.
        last_run_id: the highest number that a run was given, whatever became of the run.
        secret: the key with which it seals what it writes into a store.
    """

    database_id: str
    last_run_id: int
    secret: bytes = field(repr=False)


def read(connection: sa.Connection) -> Database:
    """The database of a connection."""
    row = connection.execute(sa.text(_SQL["read"])).one()
    return Database(str(row.database_id), int(row.last_run_id), bytes(row.secret))


def of(database_url: str) -> Database:
    """The database at an address.

    Raises:
        LedgerError: it refuses: no such schema, no such right.
    """
    with ledger.refusing(), postgres.engine(database_url).connect() as connection:
        return read(connection)


def owner(store: str, job: str) -> str | None:
    """Identity of the database to which the store's runs of a job belong, as the store says; None where it does not.

    Raises:
        PartError: the file that says so is damaged.
    """
    value = objects.read(store, marker(job), None)
    if value is None:
        return None
    try:
        return str(UUID(json.loads(value)["database_id"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PartError(
            f"{marker(job)} in {store} names no database. Restore the file from a copy of the store."
        ) from error


def marker(job: str) -> str:
    """The file that says whose a job's runs are."""
    return f"{_JOBS}/{job}.json"


def jobs(store: str) -> list[str]:
    """The jobs of which the store says whose they are."""
    return [name.removesuffix(".json") for name in objects.names(store, _JOBS)]


def claims(store: str, database_id: str) -> Iterator[tuple[int, str]]:
    """The run numbers that somebody has claimed for a database, the highest first, and their files."""
    folder = f"{_RUNS}/{database_id}"
    for thousand in _numbers(store, folder):
        for name in _numbers(store, f"{folder}/{thousand}"):
            if int(name) // _THOUSAND == int(thousand):
                yield int(name), f"{folder}/{thousand}/{name}"


def highest(store: str, database: Database) -> int:
    """The highest run number that a database has claimed in the store; 0 where there is none."""
    unsealed: list[str] = []
    last = 0
    for number, path in claims(store, database.database_id):
        if objects.sealed(store, path, database.secret):
            last = number
            break
        unsealed.append(path)
    if unsealed:
        log.warning(
            "%s claims of run numbers in the store %s do not have this database's seal, and count for nothing: %s. "
            "Remove them, and find out who writes there.",
            len(unsealed),
            store,
            ", ".join(unsealed[:10]),
        )
    return last


def require(store: str, job: str, database: Database) -> None:
    """Go on only where the store's runs of a job belong to the database, or there are none at all.

    Raises:
        ForeignStore: they belong to another one, or the store does not say whose they are.
    """
    theirs = owner(store, job)
    if theirs is None and not folders.folders(store, job):
        return
    if theirs != database.database_id:
        whose = f"database {theirs}" if theirs else "no database that is known"
        raise ForeignStore(
            f"the runs of {job} in the store {store} belong to {whose}, and this is database {database.database_id}. "
            "Nothing was touched. Set SCORING_STORE to this database's own store. Or, where the other database is "
            f"lost and this one is new and empty: scoring rebuild {job} --adopt-store"
        )
    require_sealed(store, job, database)


def require_sealed(store: str, job: str, database: Database) -> None:
    """Go on only where the database itself has said that the store's runs of a job are its own.

    Raises:
        ForeignStore: somebody else has.
    """
    if not objects.sealed(store, marker(job), database.secret):
        raise ForeignStore(
            f"{marker(job)} in the store {store} names this database, and does not have its seal. Nothing was touched. "
            "Restore that file from a copy of the store, and find out who writes there."
        )


def require_current(store: str, ask: Callable[[], Database]) -> None:
    """Go on only where the database knows of every run number that was claimed in the store.

    Args:
        store: where runs keep their parts.
        ask: reads the database.

    Raises:
        BehindStore: the store has higher ones.
    """
    last = highest(store, ask())
    # Another run may begin meanwhile. Its number is claimed after the database has given it: asked after the store, the
    # database knows of every claim that was there.
    known = ask().last_run_id
    if last > known:
        raise BehindStore(
            f"the store {store} has run {last}, and the last run of this database is {known}: it was "
            "restored from a backup. Nothing was touched. Bring back what is missing: scoring rebuild. "
            "Where it is not wanted: prune or erase with --after-restore."
        )


def admit(store: str, job: str, database_url: str) -> Database:
    """Let a database write runs of a job into the store; the first one that does makes the job's runs its own.

    Raises:
        ForeignStore: the job's runs belong to another database, or to one that is not known.
        BehindStore: the database was restored from a backup, and has not been rebuilt.
        LedgerError: the database refuses: no such schema, no such right.
    """
    with ledger.refusing(), postgres.engine(database_url).connect() as connection:
        database = read(connection)
        if owner(store, job) is None:
            there = {folder.run_id for folder in folders.folders(store, job)}
            if there <= set(connection.execute(sa.text(_KNOWN), {"job": job}).scalars()):
                _take(store, job, database)
        require(store, job, database)
        require_current(store, partial(read, connection))
    return database


def claim(store: str, database: Database, run_id: int) -> None:
    """Claim a run's number, in the transaction in which the run begins: once in the life of a store.

    Raises:
        BehindStore: it is taken.
    """
    path = f"{_RUNS}/{database.database_id}/{run_id // _THOUSAND}/{run_id}"
    try:
        objects.put(store, path, "{}", database.secret, exclusive=True)
    except FileExistsError:
        if not objects.sealed(store, path, database.secret):  # nobody's claim
            objects.put(store, path, "{}", database.secret)
            return
        raise BehindStore(
            f"the store {store} has a run {run_id} of this database already, which was restored from a backup. "
            "Nothing was touched. Bring back what is missing: scoring rebuild"
        ) from None


def _take(store: str, job: str, database: Database) -> None:
    with suppress(FileExistsError):  # whose it is says who was first
        value = json.dumps({"database_id": database.database_id})
        objects.put(store, marker(job), value, database.secret, exclusive=True)


def _numbers(store: str, folder: str) -> list[str]:
    """The names in a folder that are numbers, the highest first."""
    numbers = (name for name in objects.names(store, folder) if _NUMBER.fullmatch(name))
    return sorted(numbers, key=int, reverse=True)


_KNOWN = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job"
