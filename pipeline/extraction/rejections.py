"""Rejected rows go to `rejected_rows` with their reasons, in pieces: a run of bad rows alone needs no more memory.

Those on which the model itself raised come later, in files of their parts: its task has no database.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import adbc_driver_manager.dbapi as adbc
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.contract.batch_result import REJECTED
from pipeline.databases import postgres, statements
from pipeline.runs import ledger

_SQL = statements.load("extraction/rejections")

# What is held before it is loaded; a batch's reasons for one rule come on top.
PIECE_BYTES = 8 * 1024 * 1024


_TABLE = pa.schema([("run_id", pa.int64()), ("part", pa.int32()), *REJECTED])


class Rejections:
    """Collects the reasons of one part's rejected rows, and loads them piece by piece."""

    def __init__(self, database_url: str, run_id: int, part: int) -> None:
        """Start with none, in the predictions database at `database_url`."""
        self._database_url, self._run_id, self._part = database_url, run_id, part
        self._held: list[pa.RecordBatch] = []

    def add(self, reasons: Iterator[pa.RecordBatch]) -> None:
        """Take reasons (schema `REJECTED`), one batch at a time."""
        for batch in reasons:
            self._held.append(batch)
            if sum(held.nbytes for held in self._held) >= PIECE_BYTES:
                self.load()

    def load(self) -> None:
        """Load what is held, in a transaction of its own: a run that is never finished keeps what it rejected.

        Raises:
            Superseded: the run was closed or published meanwhile.
        """
        if not self._held:
            return
        with postgres.connect(self._database_url) as session, session.cursor() as cursor:
            ledger.write_as(cursor, self._run_id)
            postgres.load(
                cursor, "scoring", "rejected_rows", pa.RecordBatchReader.from_batches(_TABLE, self._rows())
            )
            session.commit()
        self._held.clear()

    def _rows(self) -> Iterator[pa.RecordBatch]:
        for batch in self._held:
            yield _rows_of(self._run_id, self._part, batch.columns)


def load_failed(
    cursor: adbc.Cursor, run_id: int, part: int, shards: int, failed: Iterable[pa.RecordBatch]
) -> None:
    """Load the rows of a part on which the model raised, in the transaction of a session that writes their run.

    Args:
        cursor: of the session.
        run_id: the run.
        part: number of the part.
        shards: how many its job has: rows are numbered through all of them.
        failed: the rows (schema `REJECTED`), numbered through those that the part has in the store.
    """
    numbers = _numbers(cursor, run_id, part, shards)

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in failed:
            yield _rows_of(run_id, part, [numbers.take(batch.column(0)), *batch.columns[1:]])

    postgres.load(cursor, "scoring", "rejected_rows", pa.RecordBatchReader.from_batches(_TABLE, rows()))


def _numbers(cursor: adbc.Cursor, run_id: int, part: int, shards: int) -> pa.Array:
    """The query's numbers of the rows of a part that the contract did not reject, in their order."""
    cursor.execute(_SQL["place"], (run_id, part, shards))
    [(first, rows)] = cursor.fetchall()
    numbers: npt.NDArray[np.int64] = np.arange(first, first + rows) * shards + part % shards
    cursor.execute(_SQL["numbers"], (run_id, part))
    rejected = np.array([number for (number,) in cursor.fetchall()], np.int64)
    return pa.array(numbers[~np.isin(numbers, rejected)])


def _rows_of(run_id: int, part: int, columns: list[Any]) -> pa.RecordBatch:
    """Reasons as rows of `rejected_rows`."""
    constants = (pa.scalar(run_id, pa.int64()), pa.scalar(part, pa.int32()))
    rows = len(columns[0])
    return pa.RecordBatch.from_arrays(
        [*(pa.repeat(value, rows) for value in constants), *columns], schema=_TABLE
    )
