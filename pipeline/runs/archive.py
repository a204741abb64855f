"""What is left of a run when it is over: its parts in the store, and its rows in the database, part by part."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements
from pipeline.databases.queries import Query, Values
from pipeline.model.failing import Tolerance
from pipeline.project import SQL
from pipeline.runs import history
from pipeline.runs.ledger import LedgerError
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("runs/archive")

# Each run, part and its rows at a time.
ByPart = AbstractContextManager[Iterator[tuple[int, int, pa.Table]]]


@dataclass(frozen=True)
class File:
    """A file of a part, as the ledger knows it.

    Attributes:
        path: below the store.
        sha256: digest of the file's bytes.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class ArchivedPart:
    """A part of a run that is over: the rows that the model got, and the scores that it gave.

    Attributes:
        number: the part's number.
        rows: the rows that were scored.
        erased: how many of them were erased since.
        rejected: how many rows were not, by the contract, or because the model raised on them.
        input: the rows that the model got.
        scored: the scores that it gave.
    """

    number: int
    rows: int
    erased: int
    rejected: int
    input: File
    scored: File

    @property
    def tolerance(self) -> Tolerance | None:
        """On how many rows the model may raise that scores the part again: on as many as were rejected then."""
        return Tolerance(self.rejected) if self.rejected else None


def run(database_url: str, run_id: int) -> dict[str, Any]:
    """The row of a run that was scored whole, with its ledger.

    Raises:
        LedgerError: there is no such run, or it was not scored whole.
    """
    row = history.show(database_url, run_id)
    if row["rows_scored"] is None or row["status"] in ("running", "failed"):
        raise LedgerError(
            f"run {run_id} of {row['job']} {row['score_date']} is {row['status']}, and was not scored to its "
            f"end. Take one that was: scoring runs {row['job']}"
        )
    return row


def parts_of(row: Mapping[str, Any]) -> list[ArchivedPart]:
    """The parts of a run, in order, of its row and ledger; of the run whose scores it serves again, if it does."""
    scored = row["score_date"] - timedelta(days=row["staleness_days"])
    ref = RunRef(row["job"], scored, row["source_run_id"] or row["run_id"])
    return [
        ArchivedPart(
            line["part"],
            line["rows_scored"],
            line["rows_erased"],
            line["rows_rejected"],
            File(ref.input(line["part"]), line["input_sha256"]),
            File(ref.scored(line["part"]), line["scored_sha256"]),
        )
        for line in row["ledger"]
    ]


def query(name: str) -> str:
    """Text of one of our own queries below sql/."""
    return (SQL / name).read_text(encoding="utf-8")


@contextmanager
def by_part(database_url: str, query: Query) -> Iterator[Iterator[tuple[int, int, pa.Table]]]:
    """Stream the rows of a query that is ordered by `run_id` and `part`: each run, part and its rows at a time."""
    with postgres.stream(database_url, query) as reader:
        yield _grouped(reader)


def pairs(database_url: str, before: tuple[int, date], after: tuple[int, date]) -> ByPart:
    """Stream what two runs gave each entity, by the parts of the second, and of the first for who is not in it.

    Args:
        database_url: of the predictions database.
        before: the first run, with its score date.
        after: the second.
    """
    values: Values = {
        "before": before[0],
        "before_date": before[1],
        "after": after[0],
        "after_date": after[1],
    }
    return by_part(database_url, Query(_SQL["pairs"], values, "runs/archive.sql"))


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, int, pa.Table]]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        keys = np.stack([batch.column("run_id").to_numpy(), batch.column("part").to_numpy()])
        ends = [*(np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1), batch.num_rows]
        start = 0
        for end in ends if batch.num_rows else []:
            rows = batch.slice(start, end - start)
            if held and _key(held[0]) != _key(rows):
                yield (*_key(held[0]), pa.Table.from_batches(held))
                held = []
            held.append(rows)
            start = end
    if held:
        yield (*_key(held[0]), pa.Table.from_batches(held))


def _key(rows: pa.RecordBatch) -> tuple[int, int]:
    return rows.column("run_id")[0].as_py(), rows.column("part")[0].as_py()


def as_rows(ref: RunRef, part: int, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatchReader:
    """Batches of scores as rows of `prediction_rows`.

    Args:
        ref: the run.
        part: number of the part.
        batches: of schema `SCORE_SCHEMA`.
    """
    constants = (
        pa.scalar(ref.score_date, pa.date32()),
        pa.scalar(ref.run_id, pa.int64()),
        pa.scalar(part, pa.int32()),
    )
    rows = (
        pa.RecordBatch.from_arrays(
            [*(pa.repeat(value, batch.num_rows) for value in constants), *batch.columns], schema=_TABLE
        )
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(_TABLE, rows)


_TABLE = pa.schema(
    [
        ("score_date", pa.date32()),
        ("run_id", pa.int64()),
        ("part", pa.int32()),
        *SCORE_SCHEMA,
    ]
)


def slices_of_part(store: str, part: ArchivedPart, entities: pa.ChunkedArray, columns: list[str]) -> pa.Table:
    """The values of the slices of a part's entities, in the order given; columns that the part has not are left out.

    Raises:
        PartError: the part is missing or altered.
    """
    rows = pa.Table.from_batches(list(parts.read(store, part.input.path, part.input, [ENTITY, *columns])))
    return rows.take(pc.index_in(entities, rows[ENTITY].combine_chunks()))


# A column with more values than this is no slice: nobody reads so long a table.
MAX_SLICE_VALUES = 1000
