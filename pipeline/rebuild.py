"""A lost database's publications are made again from what the store has archived, every digest verified.

What the database has stays; what it lacks comes from the store. A rebuild that was killed goes on where it was.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from pipeline import identity, postgres, receipts
from pipeline.errors import UsageError
from pipeline.parts import PartError
from pipeline.restore import Item, Night, NightError


class RebuildError(UsageError):
    """A rebuild that was asked for where it cannot be."""


@dataclass
class Rebuilt:
    """What came of a rebuild.

    Attributes:
        runs: what was made again.
        refused: nights that could not be, each with its reason.
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
        adopt: make a new and empty database the owner of the store's runs.
        progress: called with each night before it is made again.

    Raises:
        RebuildError: the store is another database's, or nobody's that is known.
        PartError: a receipt is damaged.
    """
    adopted = _own(uri, store, job, adopt)
    done, noted = Rebuilt(), receipts.notes(store, job)
    for day, moves in receipts.nights(store, job).items():
        if between[0] <= day <= between[1]:
            progress(day)
            try:
                done.runs += Night(uri, store, job, day, noted, done.notes).make(moves)
            except (NightError, PartError) as error:
                done.refused.append(str(error))
    _restore_erasures(uri, store, job, done.notes, came_back=not adopted)
    return done


def _own(uri: str, store: str, job: str, adopt: bool) -> bool:
    """Require the store to be this database's, or make it so; and let new runs begin above all of its runs."""
    with postgres.engine(uri).begin() as connection:
        database = identity.read(connection)
        theirs = identity.owner(store, job)
        if theirs is None:
            raise RebuildError(
                f"the store {store} does not say whose the runs of {job} are: there is nothing to rebuild from. "
                "Set SCORING_STORE to the store in which the lost database's runs are."
            )
        adopted = theirs != database.database_id
        if adopted:
            _require_empty(
                connection, f"the runs of {job} in the store {store} belong to database {theirs}", adopt
            )
            connection.execute(sa.text(_ADOPT), {"database_id": theirs})
        connection.execute(sa.text(_ADVANCE), {"highest": identity.highest(store, theirs)})
    return adopted


def _require_empty(connection: sa.Connection, whose: str, adopt: bool) -> None:
    if connection.execute(sa.text(_HAS_RUNS)).scalar_one():
        raise RebuildError(
            f"{whose}, and this one has runs of its own. Make a new database, `migrate` it, and rebuild into that "
            "one; or set SCORING_STORE to this database's own store."
        )
    if not adopt:
        raise RebuildError(
            f"{whose}, which is not this one. Where that database is lost, and this one is to stand in its place, "
            "add --adopt-store. Else set SCORING_STORE to this database's own store."
        )


def _restore_erasures(uri: str, store: str, job: str, notes: list[str], *, came_back: bool) -> None:
    """Enter the receipts of erasures that the database does not know, and say what they leave to do."""
    with postgres.engine(uri).begin() as connection:
        for value in receipts.erasures(store, job):
            erasure = json.loads(value)
            if connection.execute(sa.text(_ERASURE), erasure).scalar_one():
                continue
            connection.execute(
                sa.text(_RESTORE_ERASURE), {"value": f"[{value}]", "number": erasure["erasure_id"]}
            )
            if came_back:
                notes.append(
                    f"erasure {erasure['erasure_id']} of {job} ({erasure['reason']}) is younger than the backup. Its "
                    "rows are gone again where the parts are kept. Scores whose parts have gone came back: erase again."
                )


_HAS_RUNS = "SELECT EXISTS (SELECT FROM scoring.scoring_runs)"
_ADOPT = "UPDATE scoring.identity SET database_id = CAST(:database_id AS uuid)"
_ADVANCE = """
SELECT setval('scoring.scoring_runs_run_id_seq', :highest) FROM scoring.scoring_runs_run_id_seq
WHERE :highest > CASE WHEN is_called THEN last_value ELSE 0 END
"""
_ERASURE = """
SELECT EXISTS (SELECT FROM scoring.erasures
               WHERE erasure_id = :erasure_id AND erased_at = CAST(:erased_at AS timestamptz))
"""
_RESTORE_ERASURE = """
SELECT scoring.restore_rows('erasures', CAST(:value AS jsonb)),
       setval('scoring.erasures_erasure_id_seq', greatest(:number, nextval('scoring.erasures_erasure_id_seq')))
"""
