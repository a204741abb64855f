"""A lost database's publications are made again from what the store has archived, every digest and seal verified.

What the database has stays; what it lacks comes from the store. A rebuild that was killed goes on where it was. Tasks
that unpickle a model write into the store, too: only what the database has sealed is taken.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.recovery import adopt as adoption
from pipeline.recovery.adopt import RebuildError
from pipeline.recovery.loading import Item, RestoreError
from pipeline.recovery.restore import AHEAD, ScoreDate
from pipeline.runs import erasures, receipts, store_identity
from pipeline.runs.store_identity import Database, ForeignStore
from pipeline.store.parts import PartError

_SQL = statements.load("recovery/rebuild")
_LAST_ERASURE = "SELECT last_value FROM scoring.erasures_erasure_id_seq"


@dataclass
class Rebuilt:
    """What came of a rebuild.

    Attributes:
        runs: what was made again.
        refused: score dates that could not be, each with its reason.
        notes: what a person has to know or to do.
    """

    runs: list[Item] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rebuild(
    uri: str,
    store: str,
    job: str,
    between: tuple[date, date] = (date.min, date.max),
    *,
    adopt: bool = False,
    progress: Callable[[date], None] = lambda day: None,
) -> Rebuilt:
    """Make the publications of a job again that the store knows of and the database does not.

    Args:
        uri: the predictions database, as the owner of its schema.
        store: where runs keep their parts.
        job: the job's name.
        between: the first and the last score date.
        adopt: make a new and empty database the owner of the store's runs, and believe what lies there.
        progress: called with each score date before it is made again.

    Raises:
        RebuildError: the store is another database's, or nobody's.
        PartError: the store's word on whose it is is damaged.
    """
    done = Rebuilt()
    database, adopted = _own(uri, store, job, adopt, done.notes)
    noted = erasures.notes(store, job, database.secret, done.notes)
    for day, moves in receipts.moves_by_day(store, job, done.notes).items():
        if between[0] <= day <= between[1]:
            progress(day)
            try:
                done.runs += ScoreDate(uri, store, job, day, database.secret, noted, done.notes).make(moves)
            except (RestoreError, PartError) as error:
                done.refused.append(str(error))
    _restore_erasures(uri, store, (job, database.secret), done.notes, came_back=not adopted)
    return done


def _own(uri: str, store: str, job: str, adopt: bool, notes: list[str]) -> tuple[Database, bool]:
    """Require the store to be this database's, or make it so; and let new runs begin above all of its runs."""
    with postgres.engine(uri).begin() as connection:
        database = store_identity.read(connection)
        theirs = store_identity.owner(store, job)
        if theirs is None:
            raise RebuildError(
                f"the store {store} does not say whose the runs of {job} are: there is nothing to rebuild from. "
                "Set SCORING_STORE to the store in which the lost database's runs are."
            )
        adopted = theirs != database.database_id
        if adopted:
            adoption.require_empty(
                connection, f"the runs of {job} in the store {store} belong to database {theirs}", adopt
            )
            database = adoption.adopt(connection, store, theirs, notes)
        else:
            try:
                store_identity.require_sealed(store, job, database)
            except ForeignStore as error:
                raise RebuildError(str(error)) from error
        connection.execute(sa.text(_SQL["advance"]), {"highest": store_identity.highest(store, database)})
    return database, adopted


def _restore_erasures(
    uri: str, store: str, job: tuple[str, bytes], notes: list[str], *, came_back: bool
) -> None:
    """Enter the receipts of erasures that the database does not know, and say what they leave to do."""
    with postgres.engine(uri).begin() as connection:
        for number, path, value in erasures.erasures(store, *job, notes):
            try:
                erasure = json.loads(value)
                if (erasure["job"], erasure["erasure_id"]) != (job[0], number):
                    raise ValueError(f"it is not erasure {number} of {job[0]}")
                if number > connection.execute(sa.text(_LAST_ERASURE)).scalar_one() + AHEAD:
                    raise ValueError(f"its number lies more than {AHEAD} above this database's last erasure")
                if connection.execute(sa.text(_SQL["has_erasure"]), erasure).scalar_one():
                    continue
                with connection.begin_nested():
                    connection.execute(
                        sa.text(_SQL["restore_erasure"]), {"value": f"[{value}]", "number": number}
                    )
            except (KeyError, TypeError, ValueError, sa.exc.DataError, sa.exc.IntegrityError) as error:
                reason = str(getattr(error, "orig", error)).splitlines()[0]
                notes.append(
                    f"{path} in {store} was left out: {reason}. Remove it, or find out who writes there."
                )
                continue
            if came_back:
                notes.append(
                    f"erasure {number} of {job[0]} ({erasure['reason']}) is younger than the backup. Its rows "
                    "were removed again where their parts are archived. Scores without parts came back: erase again."
                )
