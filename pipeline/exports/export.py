"""Published predictions of a range of score dates, as a file: batch by batch, so that memory does not grow with it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.databases.queries import Query
from pipeline.exports import columns, files
from pipeline.exports.columns import ExportError
from pipeline.exports.files import Format
from pipeline.exports.slices import Slices

_SQL = statements.load("exports/predictions")
# What a spreadsheet takes for a formula; some take signs of full width for the others.
_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"

# Is called with the rows that are written, and those in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """What is exported.

    Attributes:
        job: the job's name.
        first: the first score date.
        last: the last score date, which is exported, too.
        slices: columns of the job's query, whose values are added.
        spreadsheet: whether text that a spreadsheet would take for a formula gets an apostrophe.
    """

    job: str
    first: date
    last: date
    slices: tuple[str, ...] = ()
    spreadsheet: bool = False


@dataclass
class Exported:
    """What was exported.

    Attributes:
        rows: how many.
        dates: of how many score dates.
        formulas: columns with text that a spreadsheet would take for a formula.
        notes: what a person has to know of the slices.
    """

    rows: int = 0
    dates: int = 0
    formulas: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def export(
    database_url: str,
    store: str,
    wanted: Wanted,
    path: Path | None,
    kind: Format,
    *,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Exported:
    """Write the published predictions of a range of score dates into a file, or as CSV to the standard output.

    Each run is read as a whole or not at all: a publication that comes meanwhile is never mixed with the one before.

    Args:
        database_url: of the predictions database, as an analyst.
        store: where runs keep their parts, which have the values of slices.
        wanted: what is exported.
        path: the file; None for the standard output.
        kind: what it is written as.
        force: replace a file that is there.
        progress: called with the rows that are written, and those in all.

    Raises:
        ExportError: nothing of the range is published, a run was replaced meanwhile, or a class has no name.
        FileError: the file is there already, or cannot be written.
        PartError: a part of the store is altered.
    """
    runs = _runs(database_url, wanted)
    if not runs:
        raise ExportError(
            f"nothing of {wanted.job} is published from {wanted.first} to {wanted.last}, or this login may not read "
            f"it. See which runs there are: scoring runs {wanted.job}"
        )
    classes = list(dict.fromkeys(name for run in runs for name in run["classes"] or ()))
    schema = columns.schema(wanted.slices, classes)
    total = sum(map(_expected, runs))
    done = Exported(dates=len(runs))
    with files.opened(path, kind, schema, force=force) as target:
        for run in runs:
            before = done.rows
            for batch in _batches(database_url, store, wanted, run, classes, done):
                cast = [column.cast(field.type) for column, field in zip(batch, schema, strict=True)]
                target.write(_guarded(pa.record_batch(cast, schema), wanted, kind, done))
                done.rows += len(cast[0])
                progress(done.rows, total)
            if done.rows == before and _expected(run):
                raise ExportError(
                    f"run {run['run_id']} of {run['score_date']} was replaced while it was exported. Export again."
                )
    return done


def _runs(database_url: str, wanted: Wanted) -> list[dict[str, Any]]:
    """The published runs of the range, each with its ledger."""
    values = {"job": wanted.job, "first": wanted.first, "last": wanted.last}
    with postgres.engine(database_url).connect() as connection:
        runs = [dict(row) for row in connection.execute(sa.text(_SQL["runs"]), values).mappings()]
        for run in runs:
            ledger = connection.execute(sa.text(_SQL["ledger"]), {"run_id": run["run_id"]})
            run["ledger"] = [dict(row) for row in ledger.mappings()]
    return runs


def _expected(run: dict[str, Any]) -> int:
    return sum(line["rows_scored"] - line["rows_erased"] for line in run["ledger"])


def _batches(
    database_url: str, store: str, wanted: Wanted, run: dict[str, Any], classes: Sequence[str], done: Exported
) -> Iterator[list[pa.Array]]:
    """The rows of a run, as columns in the order of the schema."""
    values = {"run_id": run["run_id"], "score_date": run["score_date"]}
    slices = Slices(store, run, wanted.slices)
    with postgres.stream(database_url, Query(_SQL["rows"], values, "exports/predictions.sql")) as reader:
        for batch in reader:
            for part, rows in _by_part(batch):
                sliced = slices.of(part, rows["entity_id"]) if wanted.slices else []
                yield [
                    _constant(run["job"], rows), _constant(run["score_date"], rows),
                    *(rows[name] for name in ("entity_id", "score", "label")),
                    *sliced, *columns.probabilities(run, rows["class_scores"], classes),
                    *(_constant(run[name], rows) for name, _ in columns.AFTER),
                ]  # fmt: skip
    done.notes += slices.notes


def _by_part(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of each part in a batch that is ordered by it."""
    if batch.num_rows:
        for run in pc.run_end_encode(batch["part"]).values.to_pylist():
            yield run, batch.filter(pc.equal(batch["part"], run))


def _constant(value: object, rows: pa.RecordBatch) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows.num_rows)


def _guarded(batch: pa.RecordBatch, wanted: Wanted, kind: Format, done: Exported) -> pa.RecordBatch:
    """In CSV, note the text that a spreadsheet would run as a formula, and disarm it where that is asked for."""
    if kind is not Format.CSV:
        return batch
    arrays = batch.columns
    for number, name in enumerate(batch.schema.names):
        if not pa.types.is_string(arrays[number].type):
            continue
        formula = pc.fill_null(pc.match_substring_regex(arrays[number], _FORMULA), False)
        if pc.any(formula).as_py():
            done.formulas.add(name)
            if wanted.spreadsheet:
                disarmed = pc.binary_join_element_wise("'", arrays[number], "")
                arrays[number] = pc.if_else(formula, disarmed, arrays[number])
    return pa.record_batch(arrays, batch.schema)
