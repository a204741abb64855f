"""Rejected rows go to `rejected_rows` with their reasons, in pieces: a run of bad rows alone needs no more memory."""

from collections.abc import Iterator

import pyarrow as pa

from pipeline.contract.batch_result import REJECTED
from pipeline.databases import postgres
from pipeline.runs import ledger

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
        run_id, part = pa.scalar(self._run_id, pa.int64()), pa.scalar(self._part, pa.int32())
        for batch in self._held:
            columns = [pa.repeat(value, len(batch)) for value in (run_id, part)]
            yield pa.RecordBatch.from_arrays([*columns, *batch.columns], schema=_TABLE)
