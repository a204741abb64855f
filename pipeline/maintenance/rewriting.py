"""Files of a run are rewritten without a subject, and the ledger follows.

A file that holds the subject is replaced as a whole. Its groups of rows stay as a part has them, so that scoring it
again gives the same file of scores.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.contract.contract import ENTITY
from pipeline.databases import statements
from pipeline.maintenance import janitor
from pipeline.runs import erasures, folders
from pipeline.runs.erasures import Note
from pipeline.store import files
from pipeline.store.layout import RunRef
from pipeline.store.parts import ROWS_PER_GROUP, PartError, PartWriter
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("maintenance/rewriting")

CHALLENGER = "challenger"

_PLAN = "SELECT scoring.plan_rewrite(:run_id, :part, :input, :scored)"
_SETTLE = "SELECT scoring.settle_rewrite(:run_id, :part, :has)"
_PLAN_CHALLENGER = "SELECT scoring.plan_challenge_rewrite(:run_id, :part, :next)"
_SETTLE_CHALLENGER = "SELECT scoring.settle_challenge_rewrite(:run_id, :part, :has)"


@dataclass(frozen=True)
class ArchivedFile:
    """A file of an archived part.

    Attributes:
        job: whose run it is of.
        run_id: its run.
        part: the part's number.
        kind: input, scored or challenger.
        path: below the store.
        sha256: its digest, as the ledger says; None for scores that were never written.
        following: the digest that an interrupted erasure was about to give it.
        beside: paths of files with single values of the part, which whoever scores it makes again.
    """

    job: str
    run_id: int
    part: int
    kind: str
    path: str
    sha256: str | None
    following: str | None
    beside: tuple[str, ...] = ()


def archived_files(session: sa.Connection, job: str) -> Iterator[ArchivedFile]:
    """The files that the store keeps of a job's runs."""
    for line in session.execute(sa.text(_SQL["parts"]), {"job": job}).all():
        ref = RunRef(job, line.score_date, line.run_id)
        beside = (
            ref.profile(line.part),
            ref.rejected_in(line.part),
            ref.chosen(line.part),
            ref.reasons(line.part),
            ref.contributions(line.part),
        )
        files_of = {"input": ref.input(line.part), "scored": ref.scored(line.part)}
        if line.has_challenger:
            files_of[CHALLENGER] = ref.challenger(line.part)
        for kind, path in files_of.items():
            digest, following = getattr(line, f"{kind}_sha256"), getattr(line, f"{kind}_sha256_next")
            yield ArchivedFile(job, line.run_id, line.part, kind, path, digest, following, beside)


def rewrite(session: sa.Connection, store: str, file: ArchivedFile, entity: str) -> str | None:
    """Rewrite a file that holds the entity; returns its digest where the ledger has to follow."""
    try:
        content = files.fetch(store, file.path)
    except FileNotFoundError:
        return None
    rest = without(content, entity, file.path, store, None if file.kind == "input" else SCORE_SCHEMA)
    if rest is None and file.following is None:
        return None
    has = hashlib.sha256(content).hexdigest()
    if rest is None:
        return _follow(session, file, has) if has == file.following else None
    if file.sha256 and has not in (file.sha256, file.following):
        raise PartError(
            f"part {file.path} in {store} is not what was written: SHA-256 {has}, expected {file.sha256}. Nobody can "
            "tell what it holds: remove that file, and erase again."
        )
    if file.sha256:
        if has == file.following:  # of another entity's erasure, which was interrupted
            settle = _SETTLE_CHALLENGER if file.kind == CHALLENGER else _SETTLE
            janitor.call(session, settle, run_id=file.run_id, part=file.part, has=has)
        _plan(session, store, file, content, rest)
    for path in file.beside:
        folders.discard(store, path)
    return _follow(session, file, rest.save(store, file.path, file.part).sha256)


def _plan(session: sa.Connection, store: str, file: ArchivedFile, content: bytes, rest: PartWriter) -> None:
    """Have the database know the digest that the file is about to have."""
    values = {"run_id": file.run_id, "part": file.part}
    if file.kind == CHALLENGER:  # which `rebuild` does not bring back, so that the store needs no note
        janitor.call(session, _PLAN_CHALLENGER, **values, next=rest.sha256())
        return
    _note(session, store, file, content, rest)
    janitor.call(session, _PLAN, **values, **{"input": None, "scored": None, file.kind: rest.sha256()})


def _follow(session: sa.Connection, file: ArchivedFile, has: str) -> str:
    """The digest that a file has now: a run's ledger follows with the rows that go, a challenger's at once."""
    if file.kind == CHALLENGER:
        janitor.call(session, _SETTLE_CHALLENGER, run_id=file.run_id, part=file.part, has=has)
    return has


def _note(session: sa.Connection, store: str, file: ArchivedFile, content: bytes, rest: PartWriter) -> None:
    """Note in the store what the file is about to become: a lost database could not tell it from a damaged one."""
    before, rows = hashlib.sha256(content).hexdigest(), pq.read_metadata(pa.BufferReader(content)).num_rows
    rewritten = Note(file.kind, file.part, before, rest.sha256(), rows - rest.rows)
    erasures.note(session, store, file.job, file.run_id, rewritten)


def rewrite_rejected(session: sa.Connection, store: str, ref: RunRef, entity: str) -> None:
    """Rewrite the archived rejected rows of a run, of which the ledger knows nothing, where they hold the entity."""
    path = ref.rejected
    try:
        content = files.fetch(store, path)
    except FileNotFoundError:
        return
    rest = without(content, entity, path, store, None)
    if rest is not None:
        _note(
            session, store, ArchivedFile(ref.job, ref.run_id, 0, "rejected", path, None, None), content, rest
        )
        rest.save(store, path, 0)


def without(
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
            if not any(pc.any(_naming(batch, entity)).as_py() for batch in part.iter_batches(ROWS_PER_GROUP)):
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
        yield batch.filter(pc.invert(_naming(batch, entity)))


def _naming(batch: pa.RecordBatch, entity: str) -> pa.Array:
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
