"""Scored parts become rows of an unpublished run; publishing moves one pointer.

Nothing that an analyst reads changes before the pointer moves, and it moves in one short transaction that no reader
waits for. A part is loaded once: whoever marks its line of the ledger first also copies its rows, in one transaction.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.errors import NothingToDo, ScoringError
from pipeline.payloads import Publication, Run, Scored, Verdict, Written
from pipeline.project import SQL
from pipeline.runs import ledger, receipts, store_identity
from pipeline.runs.ledger import LedgerError, Superseded
from pipeline.runtime.clock import Clock
from pipeline.runtime.progress import Progress
from pipeline.store import files, layout, parts
from pipeline.store.schemas import SCORE_SCHEMA

log = logging.getLogger(__name__)

_AUDITS = SQL / "audit"


class WriteError(ScoringError):
    """Scores that may not be published."""


class Held(ScoringError):
    """The run failed its gate and waits for a person."""


class NotHeld(LedgerError):
    """A decision on a run that waits for none."""


class Rejected(ScoringError):
    """The run was held, and it was decided not to publish it."""


def write(places: Workspace, scored: Scored) -> Written:
    """Load one part's scores into the run, by COPY. A repeated or concurrent try changes nothing.

    Raises:
        PartError: the scored part is missing or altered.
        WriteError: the part was written before with other scores.
        Superseded: the run was closed or published meanwhile.
    """
    clock = Clock()
    path = layout.scored_path(scored.job, scored.score_date, scored.run_id, scored.part.number)
    line = (scored.part.rows, scored.part.sha256, scored.run_id, scored.part.number)
    with ledger.open_run(places.predictions, scored.run_id):
        batches = parts.read(places.store, path, scored.part)
        with postgres.connect(places.predictions) as session, session.cursor() as cursor:
            ledger.write_as(cursor, scored.run_id)
            cursor.execute(_CLAIM, line)
            if cursor.fetchall():
                where = (scored.score_date, scored.job, scored.run_id, scored.part.number)
                postgres.load(cursor, "scoring", "prediction_rows", as_rows(where, _told(scored, batches)))
            else:
                cursor.execute(_WRITTEN, line[2:])
                _require_same(scored, cursor.fetchall())
            session.commit()
    log.info("part %s: %s rows written", scored.part.number, scored.part.rows)
    return Written(
        run_id=scored.run_id,
        part=scored.part,
        profile=scored.profile,
        predict=scored.cost,
        write=clock.cost(),
    )


def publish(places: Workspace, run: Run, verdict: Verdict) -> Publication:
    """Audit a written run, apply the gate's verdict, and make it the one that `predictions` shows.

    A try that comes after a commit whose answer was lost is told the same again: publication or hold.

    Raises:
        WriteError: the audit found rows missing, doubled or unaccounted for; they are named.
        Held: the gate did not pass; a person decides.
        Rejected: one has decided against it.
        Superseded: a newer run of the same night is published.
        NothingToDo: it was a dry run.
    """
    try:
        with ledger.open_run(places.predictions, run.run_id):
            _publish(places, run, verdict)
    except Superseded:
        receipts.follow(places.predictions, places.store, run.job)
        return published(places.predictions, run.run_id)
    receipts.follow(places.predictions, places.store, run.job)
    publication = _publication(places.predictions, _row(places.predictions, run.run_id))
    log.info("run %s published, %s replaced", run.run_id, publication.replaced_run_id or "none")
    return publication


def _publish(places: Workspace, run: Run, verdict: Verdict) -> None:
    # Not part by part, which would make COPY half as slow again.
    with postgres.engine(places.predictions).begin() as connection:
        connection.execute(sa.text(_INDEX), {"score_date": run.score_date})
    audit(places.predictions, run)
    store_identity.require(places.store, run.job, store_identity.of(places.predictions))
    files.remove_temporary(places.store, layout.folder(run.job, run.score_date, run.run_id))
    if run.dry_run:
        ledger.close(places.predictions, run.run_id, "abandoned", "dry run")
        raise NothingToDo(f"run {run.run_id}: a dry run, {verdict.rows_scored} rows scored and not published")
    _archive(places, run)
    if not verdict.passed:
        reason = "; ".join(verdict.reasons)
        ledger.close(places.predictions, run.run_id, "held", reason)
        raise _held(run.run_id, run.job, run.score_date, reason)
    move_pointer(places.predictions, run.run_id)


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
    row = _row(database_url, run_id)
    if row["status"] == "held":
        raise _held(run_id, row["job"], row["score_date"], row["status_reason"])
    if row["status"] == "abandoned" and row["decided_by"] is not None:
        raise Rejected(
            f"run {run_id} of {row['job']} {row['score_date']} was rejected by {row['decided_by']}: "
            f"{row['decision_reason']}. What was published before stays. Put right why it was held "
            f"({row['status_reason']}), and clear the task `extract`."
        )
    if row["status"] != "published":
        ledger.require_open(row)
        raise Superseded(f"run {run_id} is {row['status']}: nothing to do")
    return _publication(database_url, row)


def _archive(places: Workspace, run: Run) -> None:
    """Keep in the store what a lost database could not be made again without."""
    which = (run.job, run.score_date, run.run_id)
    rejected = (
        receipts.archive_rejected(places.predictions, places.store, which) if run.rows_rejected else None
    )
    with postgres.engine(places.predictions).connect() as connection:
        receipts.archive(connection, places.store, which, rejected)


def _row(database_url: str, run_id: int) -> sa.RowMapping:
    with postgres.engine(database_url).connect() as connection:
        return connection.execute(sa.text(_RUN), {"run_id": run_id}).mappings().one()


def _publication(database_url: str, row: sa.RowMapping) -> Publication:
    with postgres.engine(database_url).connect() as connection:
        replaced = connection.execute(sa.text(_REPLACED), {"run_id": row["run_id"]}).scalar()
    return Publication(
        **{name: row[name] for name in Publication.model_fields if name in row and name != "score_date"},
        score_date=str(row["score_date"]),
        replaced_run_id=replaced,
    )


def _held(run_id: int, job: str, score_date: date | str, reason: str) -> Held:
    return Held(
        f"run {run_id} of {job} {score_date} is held: {reason}. Analysts keep what they had. "
        f"Look at it: python -m pipeline show {run_id}; then approve or reject: "
        f'python -m pipeline approve {run_id} --by NAME --reason "WHY"'
    )


def audit(uri: str, run: Run) -> None:
    """Run every query of sql/audit; each must return no row.

    Raises:
        WriteError: one does; its first rows are in the message.
    """
    values = {"run_id": run.run_id, "score_date": run.score_date}
    with postgres.engine(uri).connect() as connection:
        # A million entities are grouped in 0.7 s; with the server's defaults (4 MB, and two workers) in 1.8 s.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'"))
        connection.execute(sa.text("SET LOCAL max_parallel_workers_per_gather = 0"))
        for file in sorted(_AUDITS.glob("*.sql")):
            problems = (
                connection.execute(sa.text(file.read_text(encoding="utf-8")), values).scalars().fetchmany(6)
            )
            if problems:
                shown = "; ".join(problems[:5]) + (", and more" if len(problems) > 5 else "")
                raise WriteError(
                    f"run {run.run_id} of {run.job} {run.score_date} cannot be published, "
                    f"{file.stem.replace('_', ' ')}: {shown}. What was published before stays. Correct the query or "
                    "the warehouse, and clear the task `extract`.",
                    private=[shown],
                )


def move_pointer(database_url: str, run_id: int) -> int | None:
    """Move the pointer to an open run, in one transaction of some milliseconds; returns the run that it replaces.

    The database itself decides, in `scoring.publish`: the pointer only moves to a run younger than all that were ever
    published for the night, so a stalled old try that wakes up cannot overwrite a newer result.

    Args:
        database_url: the predictions database.
        run_id: the run, audited and running.

    Raises:
        Superseded: a newer run of the same night was published, or the run has ended.
        WriteError: its ledger does not add up, or its model is older than the published one and nobody named it.
    """
    done = postgres.patiently(
        database_url,
        f"publishing run {run_id}",
        lambda connection: connection.execute(sa.text(_PUBLISH), {"run_id": run_id}).one(),
    )
    return resolve(done)  # after the commit: an overtaken run has been abandoned


def resolve(done: sa.Row[Any]) -> int | None:
    """The run that a publication replaced, from what `scoring.publish` or `scoring.approve` says of it.

    Raises:
        Superseded: as `move_pointer` does.
        WriteError: as `move_pointer` does.
        NotHeld: it was to be decided on, and is not held.
    """
    if done.outcome == "not held":
        raise NotHeld(f"{done.said}. `python -m pipeline runs` shows which are.")
    if done.outcome == "ended":
        raise Superseded(done.said)
    if done.outcome == "overtaken":
        raise Superseded(f"{done.night} is not published: {done.said}")
    if done.outcome == "refused":
        raise WriteError(f"{done.night} is not published: {done.said}")
    return None if done.replaced is None else int(done.replaced)


def as_rows(where: tuple[str, str, int, int], batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    """Batches of scores as rows of `prediction_rows`.

    Args:
        where: score date, job, run and part.
        batches: of schema `SCORED`.
    """
    day, job, run_id, part = where
    constants = (
        pa.scalar(day).cast(pa.date32()),
        job,
        pa.scalar(run_id, pa.int64()),
        pa.scalar(part, pa.int32()),
    )
    rows = (
        pa.RecordBatch.from_arrays(
            [*(pa.repeat(value, batch.num_rows) for value in constants), *batch.columns], schema=_TABLE
        )
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(_TABLE, rows)


def _told(scored: Scored, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    progress = Progress(log, f"part {scored.part.number}: written", scored.part.rows)
    for batch in batches:
        yield batch
        progress.add(batch.num_rows)


def _require_same(scored: Scored, found: list[tuple[Any, ...]]) -> None:
    if found != [(scored.part.rows, scored.part.sha256)]:
        raise WriteError(
            f"run {scored.run_id} has written part {scored.part.number} with other scores before: the model does not "
            "give the same scores twice. Fix its random_state, and clear the task `extract`."
        )
    log.info("part %s was written before: nothing to do", scored.part.number)


_TABLE = pa.schema(
    [
        ("score_date", pa.date32()),
        ("job", pa.string()),
        ("run_id", pa.int64()),
        ("part", pa.int32()),
        *SCORE_SCHEMA,
    ]
)
_CLAIM = """
UPDATE scoring.run_parts SET rows_scored = $1, scored_sha256 = $2, written_at = now()
WHERE run_id = $3 AND part = $4 AND rows_scored IS NULL RETURNING part
"""
_WRITTEN = "SELECT rows_scored, scored_sha256 FROM scoring.run_parts WHERE run_id = $1 AND part = $2"
_INDEX = "SELECT scoring.summarize(day), scoring.analyze(day) FROM CAST(:score_date AS date) AS day"
_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"
_PUBLISH = """
SELECT done.*, format('run %s of %s %s', run.run_id, run.job, run.score_date) AS night
FROM scoring.publish(:run_id) AS done
LEFT JOIN scoring.scoring_runs AS run ON run.run_id = :run_id
"""
# Its first move: a person may have rolled back to it since.
_REPLACED = """
SELECT replaced_run_id FROM scoring.publications WHERE run_id = :run_id ORDER BY published_at LIMIT 1
"""
