"""What a score date shows: the pointer to a published run, which moves in one short transaction, or not at all."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres, statements, waiting
from pipeline.errors import ScoringError
from pipeline.payloads import Publication
from pipeline.runs import ledger
from pipeline.runs.ledger import LedgerError, Superseded

_SQL = statements.load("runs/publications")


class PublishError(ScoringError):
    """Scores that may not be published."""


class Held(ScoringError):
    """The run failed its gate and waits for a person."""


class NotHeld(LedgerError):
    """A decision on a run that waits for none."""


class Rejected(ScoringError):
    """The run was held, and it was decided not to publish it."""


def published(database_url: str, run_id: int) -> Publication:
    """What downstream learns of a published run.

    Args:
        database_url: the predictions database.
        run_id: the run.

    Raises:
        Held: the run waits for a person.
        Rejected: a person has decided against it.
        Superseded: it is not published, or not any more.
    """
    row = row_of(database_url, run_id)
    if row["status"] == "held":
        raise held(run_id, row["job"], row["score_date"], row["status_reason"])
    if row["status"] == "abandoned" and row["decided_by"] is not None:
        raise Rejected(
            f"run {run_id} of {row['job']} {row['score_date']} was rejected by {row['decided_by']}: "
            f"{row['decision_reason']}. What was published before stays. Put right why it was held "
            f"({row['status_reason']}), and clear the task `extract`."
        )
    if row["status"] != "published":
        ledger.require_open(row)
        raise Superseded(f"run {run_id} is {row['status']}: nothing to do")
    return publication_of(database_url, row)


def row_of(database_url: str, run_id: int) -> sa.RowMapping:
    """A run's row in `scoring_runs`."""
    with postgres.engine(database_url).connect() as connection:
        return connection.execute(sa.text(_RUN), {"run_id": run_id}).mappings().one()


def publication_of(database_url: str, row: sa.RowMapping) -> Publication:
    """What downstream learns of a run, of its row."""
    with postgres.engine(database_url).connect() as connection:
        replaced = connection.execute(sa.text(_SQL["replaced"]), {"run_id": row["run_id"]}).scalar()
    return Publication(
        **{name: row[name] for name in Publication.model_fields if name in row},
        replaced_run_id=replaced,
    )


def held(run_id: int, job: str, score_date: date, reason: str) -> Held:
    """Why a run is not published, and what to do."""
    return Held(
        f"run {run_id} of {job} {score_date} is held: {reason}. Analysts keep what they had. "
        f"Look at it: scoring show {run_id}; then approve or reject: "
        f'scoring approve {run_id} --by NAME --reason "WHY"'
    )


def move_pointer(database_url: str, run_id: int) -> int | None:
    """Move the pointer to an open run, in one transaction of some milliseconds; returns the run that it replaces.

    The database itself decides, in `scoring.publish`: the pointer only moves to a run younger than all that were ever
    published for the score date, so a stalled old try that wakes up cannot overwrite a newer result.

    Args:
        database_url: the predictions database.
        run_id: the run, audited and running.

    Raises:
        Superseded: a newer run of the same score date was published, or the run has ended.
        PublishError: its ledger does not add up, or its model is older than the published one and nobody named it.
    """
    done = waiting.patiently(
        database_url,
        f"publishing run {run_id}",
        lambda connection: connection.execute(sa.text(_SQL["publish"]), {"run_id": run_id}).one(),
    )
    return resolve(done)  # after the commit: an overtaken run has been abandoned


def resolve(done: sa.Row[Any]) -> int | None:
    """The run that a publication replaced, from what `scoring.publish` or `scoring.approve` says of it.

    Raises:
        Superseded: as `move_pointer` does.
        PublishError: as `move_pointer` does.
        NotHeld: it was to be decided on, and is not held.
    """
    if done.outcome == "not held":
        raise NotHeld(f"{done.said}. `scoring runs` shows which are.")
    if done.outcome == "ended":
        raise Superseded(done.said)
    if done.outcome == "overtaken":
        raise Superseded(f"{done.run} is not published: {done.said}")
    if done.outcome == "refused":
        raise PublishError(f"{done.run} is not published: {done.said}")
    return None if done.replaced is None else int(done.replaced)


_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"
