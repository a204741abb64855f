"""A subject's rows go: from predictions, rejected rows, kept parts and scored parts of every run of a job.

Files first, the database last. Before a file is rewritten the ledger notes the digest that it is about to have; so a
part is always what the ledger says, or what it says next, and whatever interrupts an erasure, a second one finishes it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.contract.contract import ENTITY
from pipeline.errors import UsageError
from pipeline.maintenance import janitor
from pipeline.runs import erasures, folders, receipts
from pipeline.runs.erasures import Note
from pipeline.store import files
from pipeline.store.layout import RunRef
from pipeline.store.parts import ROWS_PER_GROUP, PartError, PartWriter
from pipeline.store.schemas import SCORE_SCHEMA


class EraseError(UsageError):
    """An erasure that was asked for in a way that cannot be."""


@dataclass(frozen=True)
class Receipt:
    """What an erasure did. Never whose rows went: nothing of the subject is in it.

    Attributes:
        erasure: its number in `scoring.erasures`.
        job: whose runs were searched.
        runs: how many of them held something.
        prediction_rows: rows erased from the scores, of published and of other runs.
        rejected_rows: rows erased from the rejected rows: one for every rule that a row broke.
        parts: parts whose files were rewritten.
        in_work: runs that a try may be going on with; they were left alone, and may hold the subject still.
    """

    erasure: int
    job: str
    runs: int
    prediction_rows: int
    rejected_rows: int
    parts: int
    in_work: tuple[int, ...]


@dataclass(frozen=True)
class _File:
    """A file of a kept part.

    Attributes:
        job: whose run it is of.
        run_id: its run.
        part: the part's number.
        kind: input or scored.
        path: below the store.
        sha256: its digest, as the ledger says; None for scores that were never written.
        following: the digest that an interrupted erasure was about to give it.
        profile: the path of the part's profile.
    """

    job: str
    run_id: int
    part: int
    kind: str
    path: str
    sha256: str | None
    following: str | None
    profile: str = ""


def erase(
    uri: str, store: str, job: str, entity: str, *, by: str, reason: str, after_restore: bool = False
) -> Receipt:
    """Erase an entity from every run of a job, save those that a try may be going on with.

    Args:
        uri: the predictions database, as a member of `scoring_janitor`.
        store: where runs keep their parts.
        job: the job's name.
        entity: the subject, as the job's query names it in `entity_id`.
        by: who erases.
        reason: why; kept in the receipt, so it must not name the subject.
        after_restore: go on though the store holds runs that the database has forgotten, and leave those alone.

    Raises:
        StoreError: the store is another database's, or holds runs that this one has forgotten.
        EraseError: the job has no run; or the reason names the subject, or is missing.
        Busy: a prune or another erasure is at work.
        PartError: a part is damaged, so nobody knows whether the subject is in it.
    """
    _require_anonymous(entity, by, reason)
    with janitor.session(uri) as session:
        runs = session.execute(sa.text(_RUNS), {"job": job}).all()
        if not runs:
            raise EraseError(f"job {job!r} has no run. `python -m pipeline runs` lists the jobs that have.")
        receipts.require_own(session, store, job, after_restore=after_restore)
        kept = {folder.run_id for folder in folders.folders(store, job)}
        for run in runs:
            if run.has_files:
                _rewrite_rejected(session, store, RunRef(job, run.score_date, run.run_id), entity)
        rewritten = [
            (file, digest)
            for file in _files(session, job)
            if (digest := _rewrite(session, store, file, entity))
        ]
        values = {
            "job": job,
            "entity": entity,
            "closed": [run.run_id for run in runs if not run.in_work],
            "runs": [file.run_id for file, _ in rewritten],
            "parts": [file.part for file, _ in rewritten],
            "digests": [digest for _, digest in rewritten],
            "by": by,
            "reason": reason,
        }
        done = session.execute(sa.text(_ERASE), values).one()
        erasures.keep_erasure(session, store, job, done.erasure)
    return Receipt(
        done.erasure, job, done.runs, done.prediction_rows, done.rejected_rows, done.parts,
        in_work=tuple(run.run_id for run in runs if run.in_work and (run.may_read or run.run_id in kept)),
    )  # fmt: skip


def _require_anonymous(entity: str, by: str, reason: str) -> None:
    if not entity.strip():
        raise EraseError("an erasure is of somebody, and ENTITY is empty. Give ENTITY, --by and --reason.")
    for what, text in (("name", by), ("reason", reason)):
        if not any(map(str.isalnum, text)):
            raise EraseError(
                f"the {what} {text!r} says nothing: it has no letter and no digit. The receipt says who erased, and "
                "why. Give ENTITY, --by and --reason."
            )
    if re.search(rf"(?<![\w-]){re.escape(entity)}(?![\w-])", f"{by}\n{reason}"):
        raise EraseError("the receipt is kept, and must not name whom it is about. Reword --by and --reason.")


def _files(session: sa.Connection, job: str) -> Iterator[_File]:
    """The files that the store keeps of a job's runs."""
    for line in session.execute(sa.text(_PARTS), {"job": job}).all():
        ref = RunRef(job, line.score_date, line.run_id)
        for kind, path in (("input", ref.input(line.part)), ("scored", ref.scored(line.part))):
            digest, following = getattr(line, f"{kind}_sha256"), getattr(line, f"{kind}_sha256_next")
            yield _File(job, line.run_id, line.part, kind, path, digest, following, ref.profile(line.part))


def _rewrite(session: sa.Connection, store: str, file: _File, entity: str) -> str | None:
    """Rewrite a file that holds the entity; returns its digest where the ledger has to follow."""
    try:
        content = files.fetch(store, file.path)
    except FileNotFoundError:
        return None
    rest = _without(content, entity, file.path, store, SCORE_SCHEMA if file.kind == "scored" else None)
    if rest is None and file.following is None:
        return None
    has = hashlib.sha256(content).hexdigest()
    if rest is None:
        return has if has == file.following else None
    if file.sha256 and has not in (file.sha256, file.following):
        raise PartError(
            f"part {file.path} in {store} is not what was written: SHA-256 {has}, expected {file.sha256}. Nobody can "
            "tell what it holds: remove that file, and erase again."
        )
    if file.sha256 and has == file.following:  # of another entity's erasure, which was interrupted
        janitor.call(session, _SETTLE, run_id=file.run_id, part=file.part, has=has)
    if file.sha256:
        _note(session, store, file, content, rest)
        digests = {"input": None, "scored": None, file.kind: rest.sha256()}
        janitor.call(session, _PLAN, run_id=file.run_id, part=file.part, **digests)
    folders.discard(store, file.profile)  # it holds single values; whoever scores the part makes it again
    return rest.save(store, file.path, file.part).sha256


def _note(session: sa.Connection, store: str, file: _File, content: bytes, rest: PartWriter) -> None:
    """Note in the store what the file is about to become: a lost database could not tell it from a damaged one."""
    before, rows = hashlib.sha256(content).hexdigest(), pq.read_metadata(pa.BufferReader(content)).num_rows
    rewritten = Note(file.kind, file.part, before, rest.sha256(), rows - rest.rows)
    erasures.note(session, store, file.job, file.run_id, rewritten)


def _rewrite_rejected(session: sa.Connection, store: str, ref: RunRef, entity: str) -> None:
    """Rewrite the archived rejected rows of a run, of which the ledger knows nothing, where they hold the entity."""
    path = ref.rejected
    try:
        content = files.fetch(store, path)
    except FileNotFoundError:
        return
    rest = _without(content, entity, path, store, None)
    if rest is not None:
        _note(session, store, _File(ref.job, ref.run_id, 0, "rejected", path, None, None), content, rest)
        rest.save(store, path, 0)


def _without(
    content: bytes, entity: str, path: str, store: str, schema: pa.Schema | None
) -> PartWriter | None:
    """A file without the entity, or None where the entity is not in it.

    Args:
        content: the file's bytes.
        entity: the subject.
        path: the file's, for the message.
        store: where it is.
        schema: what the file is to have; its own where there is none.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as part:
            if not any(pc.any(_names(batch, entity)).as_py() for batch in part.iter_batches(ROWS_PER_GROUP)):
                return None
            # Parquet calls a list's items by another name; the file has to be as `predict` would write it.
            schema = schema or part.schema_arrow
            writer = PartWriter(schema)
            for batch in _regrouped(_others(part, entity)):
                writer.write(batch.cast(schema))
            return writer
    except (pa.ArrowException, OSError) as error:
        raise PartError(
            f"part {path} in {store} cannot be read: {error}. Nobody can tell what it holds: remove that file, "
            "and erase again."
        ) from error


def _others(part: pq.ParquetFile, entity: str) -> Iterator[pa.RecordBatch]:
    for batch in part.iter_batches(ROWS_PER_GROUP):
        yield batch.filter(pc.invert(_names(batch, entity)))


def _names(batch: pa.RecordBatch, entity: str) -> pa.Array:
    """Which rows are the entity's; a rejected row may hold it as the value that broke a rule."""
    named = pc.fill_null(pc.equal(batch.column(ENTITY), entity), False)
    if "value" not in batch.schema.names or "column_name" not in batch.schema.names:
        return named
    value = pc.fill_null(pc.equal(batch.column("value"), entity), False)
    return pc.or_(named, pc.and_(pc.equal(batch.column("column_name"), ENTITY), value))


def _regrouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in groups as a part has them, so that scoring them again gives the same file of scores."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        rows = pa.Table.from_batches([*waiting, batch]).combine_chunks()
        full = len(rows) // ROWS_PER_GROUP * ROWS_PER_GROUP
        yield from rows.slice(0, full).to_batches(max_chunksize=ROWS_PER_GROUP)
        waiting = rows.slice(full).to_batches()
    yield from waiting


_RUNS = """
SELECT run_id, score_date, scoring.in_work(run) AS in_work,
       status = 'running' OR EXISTS (SELECT FROM scoring.rejected_rows AS rejected WHERE rejected.run_id = run.run_id)
           AS may_read,
       parts_pruned_at IS NULL AND NOT scoring.in_work(run) AS has_files
FROM scoring.scoring_runs AS run WHERE job = :job ORDER BY run_id
"""
_PARTS = """
SELECT run_id, run.score_date, part, line.input_sha256, scored_sha256, input_sha256_next, scored_sha256_next
FROM scoring.run_parts AS line JOIN scoring.scoring_runs AS run USING (run_id)
WHERE job = :job AND parts_pruned_at IS NULL AND NOT scoring.in_work(run) ORDER BY run_id, part
"""
_PLAN = "SELECT scoring.plan_rewrite(:run_id, :part, :input, :scored)"
_SETTLE = "SELECT scoring.settle_rewrite(:run_id, :part, :has)"
_ERASE = """
SELECT * FROM scoring.erase(:job, :entity, CAST(:closed AS bigint[]), CAST(:runs AS bigint[]),
                            CAST(:parts AS integer[]), CAST(:digests AS text[]), :by, :reason)
"""
