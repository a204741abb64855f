"""Whose a store is: nothing is written into it, or thrown away, for a database that it does not belong to.

The database has an identity, a UUID; the store says for every job to which database the job's runs belong. And every
run's number is claimed in the store before the database keeps it. So a database that was restored from a backup, whose
numbers begin again where the backup ended, is seen for what it is.
"""

import json
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline import attic, ledger, objects, postgres
from pipeline.parts import StoreError

_JOBS = f"{objects.FOLDER}/jobs"
_RUNS = f"{objects.FOLDER}/runs"
# Claims lie a thousand to a folder: the highest is two short listings away.
_THOUSAND = 1000


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
    """

    database_id: str
    last_run_id: int


def read(connection: sa.Connection) -> Database:
    """The database of a connection."""
    row = connection.execute(sa.text(_READ)).one()
    return Database(str(row.database_id), int(row.last_run_id))


def of(uri: str) -> Database:
    """The database at an address.

    Raises:
        LedgerError: it refuses: no such schema, no such right.
    """
    with ledger.refusing(), postgres.engine(uri).connect() as connection:
        return read(connection)


def owner(store: str, job: str) -> str | None:
    """Identity of the database to which the store's runs of a job belong; None where it does not say.

    Raises:
        PartError: the file that says so is damaged.
    """
    value = objects.read(store, f"{_JOBS}/{job}.json")
    return None if value is None else str(json.loads(value)["database_id"])


def jobs(store: str) -> list[str]:
    """The jobs of which the store says whose they are."""
    return [name.removesuffix(".json") for name in objects.names(store, _JOBS)]


def highest(store: str, database_id: str) -> int:
    """The highest run number that a database has claimed in the store; 0 where there is none."""
    folder = f"{_RUNS}/{database_id}"
    thousands = [int(name) for name in objects.names(store, folder) if name.isdigit()]
    if not thousands:
        return 0
    claimed = objects.names(store, f"{folder}/{max(thousands)}")
    return max((int(name) for name in claimed if name.isdigit()), default=max(thousands) * _THOUSAND)


def require(store: str, job: str, database: Database) -> None:
    """Go on only where the store's runs of a job belong to the database, or there are none at all.

    Raises:
        ForeignStore: they belong to another one, or the store does not say whose they are.
    """
    theirs = owner(store, job)
    if theirs is None and not attic.folders(store, job):
        return
    if theirs != database.database_id:
        whose = f"database {theirs}" if theirs else "no database that is known"
        raise ForeignStore(
            f"the runs of {job} in the store {store} belong to {whose}, and this is database {database.database_id}. "
            "Nothing was touched. Set SCORING_STORE to this database's own store. Or, where the other database is "
            f"lost and this one is new and empty: python -m pipeline rebuild {job} --adopt-store"
        )


def require_current(store: str, database: Database) -> None:
    """Go on only where the database knows of every run number that was claimed in the store.

    Raises:
        BehindStore: the store has higher ones.
    """
    last = highest(store, database.database_id)
    if last > database.last_run_id:
        raise BehindStore(
            f"the store {store} has run {last}, and this database has come to run {database.last_run_id} only: it was "
            "restored from a backup. Nothing was touched. Bring back what is missing: python -m pipeline rebuild. "
            "Where it is not wanted: prune or erase with --after-restore."
        )


def admit(store: str, job: str, uri: str) -> Database:
    """Let a database write runs of a job into the store; the first one that does makes the job's runs its own.

    Raises:
        ForeignStore: the job's runs belong to another database, or to one that is not known.
        BehindStore: the database was restored from a backup, and has not been rebuilt.
        LedgerError: the database refuses: no such schema, no such right.
    """
    with ledger.refusing(), postgres.engine(uri).connect() as connection:
        database = read(connection)
        if owner(store, job) is None:
            known = set(connection.execute(sa.text(_KNOWN), {"job": job}).scalars())
            if {folder.run_id for folder in attic.folders(store, job)} <= known:
                _take(store, job, database)
    require(store, job, database)
    require_current(store, database)
    return database


def claim(store: str, database: Database, run_id: int) -> None:
    """Claim a run's number, in the transaction in which the run begins: once in the life of a store.

    Raises:
        BehindStore: it is taken.
    """
    path = f"{_RUNS}/{database.database_id}/{run_id // _THOUSAND}/{run_id}"
    try:
        objects.put(store, path, "{}", exclusive=True)
    except FileExistsError:
        raise BehindStore(
            f"the store {store} has a run {run_id} of this database already, which was restored from a backup. "
            "Nothing was touched. Bring back what is missing: python -m pipeline rebuild"
        ) from None


def _take(store: str, job: str, database: Database) -> None:
    with suppress(FileExistsError):  # whose it is says who was first
        value = json.dumps({"database_id": database.database_id})
        objects.put(store, f"{_JOBS}/{job}.json", value, exclusive=True)


_READ = """
SELECT database_id, CASE WHEN is_called THEN last_value ELSE 0 END AS last_run_id
FROM scoring.identity CROSS JOIN scoring.scoring_runs_run_id_seq
"""
_KNOWN = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job"
