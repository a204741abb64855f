"""A new database takes a lost one's place in a store, and believes once what lies there.

The key went with the lost database, so that nobody can tell what it wrote from what somebody else did. What has our
names is sealed anew, with the new database's key; what makes no sense is refused later, day by day.
"""

from dataclasses import replace

import sqlalchemy as sa

from pipeline.errors import UsageError
from pipeline.recovery.restore import AHEAD
from pipeline.runs import receipts, store_identity
from pipeline.runs.store_identity import Database
from pipeline.store import objects
from pipeline.store.parts import PartError


class RebuildError(UsageError):
    """A rebuild that was asked for where it cannot be."""


def require_empty(connection: sa.Connection, whose: str, adopt: bool) -> None:
    """Go on only where `adopt` says so, and the database has no runs of its own.

    Raises:
        RebuildError: it has; or nobody has.
    """
    if connection.execute(sa.text(_HAS_RUNS)).scalar_one():
        raise RebuildError(
            f"{whose}, and this one has runs of its own. Make a new database, `migrate` it, and rebuild into that "
            "one; or set SCORING_STORE to this database's own store."
        )
    if not adopt:
        raise RebuildError(
            f"{whose}, which is not this one. If that database is lost and this one takes its place, add "
            "--adopt-store: nothing in the store can be proved then. Else set SCORING_STORE to this database's own "
            "store."
        )


def adopt(connection: sa.Connection, store: str, theirs: str, notes: list[str]) -> Database:
    """Make a database the owner of what a store has of the jobs of a lost one.

    The identity changes last: what was interrupted is begun again.

    Args:
        connection: of the new and empty database, as the owner of its schema.
        store: where runs keep their parts.
        theirs: the lost database's identity.
        notes: takes what a person has to know.

    Raises:
        RebuildError: a run number that was claimed lies so high that no number would be left.
    """
    database = replace(store_identity.read(connection), database_id=theirs)
    claim = next(store_identity.claims(store, theirs), None)
    if claim and claim[0] > database.last_run_id + AHEAD:
        raise RebuildError(
            f"{claim[1]} in the store {store} claims run {claim[0]}, which lies more than {AHEAD} above this "
            f"database's last run, {database.last_run_id}. Nothing was touched. Remove that file, and find out who "
            "writes there."
        )
    paths = [claim[1]] if claim else []
    for job in store_identity.jobs(store):
        try:
            if store_identity.owner(store, job) == theirs:
                paths += [store_identity.marker(job), *receipts.paths(store, job)]
        except PartError as error:
            notes.append(f"{error} {job} was left alone.")
    for path in paths:
        _seal(store, path, database, notes)
    connection.execute(sa.text(_ADOPT), {"database_id": theirs})
    notes.append(
        f"Nothing in the store {store} could be proved: its seals are of database {theirs}, whose key is lost. Whoever "
        "could write there since may have changed what analysts see now. Compare it with what you have outside."
    )
    return database


def _seal(store: str, path: str, database: Database, notes: list[str]) -> None:
    try:
        value = objects.read(store, path, None)
    except PartError as error:
        notes.append(str(error))
        return
    if value is not None:
        objects.put(store, path, value, database.secret)


_HAS_RUNS = "SELECT EXISTS (SELECT FROM scoring.scoring_runs)"
_ADOPT = "UPDATE scoring.identity SET database_id = CAST(:database_id AS uuid)"
