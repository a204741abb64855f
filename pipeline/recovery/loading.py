"""A run's scores, rejected rows, metrics and ledger are loaded from the store into the database."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa

from pipeline.databases import postgres, statements
from pipeline.errors import ScoringError
from pipeline.recovery.archived import LINES, Archived, Row
from pipeline.runs import archive
from pipeline.runs.receipts import KEPT_REJECTED
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError

_SQL = statements.load("recovery/loading")
# ADBC sends text as it is, and not as jsonb.
RESTORE_RUN = "SELECT scoring.restore_run(CAST(CAST($1 AS text) AS jsonb))::text"
RESTORE_ROWS = "SELECT scoring.restore_rows(CAST($1 AS text), CAST(CAST($2 AS text) AS jsonb))::text"
_WIPE = {
    "prediction_rows": _SQL["wipe_scores"],
    "rejected_rows": "DELETE FROM scoring.rejected_rows WHERE run_id = $1",
    "rewrites": "DELETE FROM scoring.rewrites WHERE run_id = $1",
    "run_parts": "DELETE FROM scoring.run_parts WHERE run_id = $1",
    "run_metrics": "DELETE FROM scoring.run_metrics WHERE run_id = $1",
    "feature_metrics": "DELETE FROM scoring.feature_metrics WHERE run_id = $1",
    "profiles": "DELETE FROM scoring.profiles WHERE run_id = $1",
}


class RestoreError(ScoringError):
    """A score date that cannot be made again, and why."""


@dataclass(frozen=True)
class Item:
    """A run that was made again.

    Attributes:
        job: whose it is.
        score_date: the day that was scored.
        run_id: the run, under the number that it had.
        status: as it is now.
        rows: how many rows of scores were loaded.
    """

    job: str
    score_date: date
    run_id: int
    status: str
    rows: int

    @classmethod
    def of(cls, run: Row, rows: int) -> Self:
        """A run that was made again with so many rows of scores."""
        return cls(run["job"], date.fromisoformat(run["score_date"]), run["run_id"], run["status"], rows)


@dataclass(frozen=True)
class Loader:
    """Loads one run.

    Attributes:
        cursor: of the transaction of its score date.
        archived: the run as the store has it, with its row as it is to be.
        notes: takes what a person has to know.
    """

    cursor: adbc.Cursor
    archived: Archived
    notes: list[str]

    def load(self, ledger: list[Row] | None) -> Item:
        """Load the run in place of whatever there is of it.

        Args:
            ledger: as the database has it, where it has seen the run published: so it has the metrics, too.

        Raises:
            RestoreError: a file has other rows than its ledger says.
            PartError: a file of the run that is to be shown is missing, damaged or somebody else's.
        """
        record, run = self._proved(ledger)
        lines = LINES if ledger is None else ("run_parts",)
        stale = ("prediction_rows", "rejected_rows", *(("rewrites",) if ledger is None else ()))
        for table in (*stale, *lines):
            self.cursor.execute(_WIPE[table], (run["run_id"],))
        run |= self._reject(record["rejected"])
        value(self.cursor, RESTORE_RUN, json.dumps(run))
        for table in (*lines, "rewrites"):
            value(self.cursor, RESTORE_ROWS, table, json.dumps(record[table]))
        if run["expired_at"] is not None:
            return Item.of(run, 0)
        return Item.of(run, sum(self._score(line) for line in record["run_parts"]))

    def _proved(self, ledger: list[Row] | None) -> tuple[Row, Row]:
        """A run's record with the ledger that its files bear out, and its row.

        Where files are gone of a run that is not shown, it is as if it had expired: nobody can roll back to it.
        """
        run = self.archived.run
        in_database = {} if ledger is None else {"run_parts": ledger}
        record: Row = {**{table: [] for table in _WIPE}, "rejected": None, **in_database}
        try:
            record |= self.archived.record() | in_database
            if run["expired_at"] is None:
                record["run_parts"], record["rewrites"] = self.archived.ledger(record["run_parts"])
        except PartError as error:
            if run["status"] == "published":
                raise
            self.notes.append(
                f"run {run['run_id']}, which is not shown, was made again without its scores. Nobody can roll back to "
                f"it: {error}"
            )
            run = {**run, "expired_at": run["status_since"], "rows_pruned_at": run["status_since"]}
        return record, run

    def _score(self, line: Row) -> int:
        file, run = self.archived.scores(line), self.archived.run
        ref = RunRef(run["job"], date.fromisoformat(run["score_date"]), run["run_id"])
        batches = parts.read(self.archived.store, file.path, file)
        rows = postgres.load(
            self.cursor, "scoring", "prediction_rows", archive.as_rows(ref, line["part"], batches)
        )
        expected = line["rows_scored"] - line["rows_erased"]
        if rows != expected:
            raise RestoreError(
                f"{self.archived.name}: {file.path} has {rows} rows, and its ledger says {expected}. "
                "Score that date again."
            )
        return rows

    def _reject(self, part: Row | None) -> Row:
        """Load a run's rejected rows; returns what changes in its row where they have had their time."""
        if part is None or self.archived.run["rejected_pruned_at"] is not None:
            return {}
        try:
            file = self.archived.rejected(part["sha256"])
        except PartError as error:
            self.notes.append(f"{self.archived.name} was made again without its rejected rows: {error}")
            return {"rejected_pruned_at": self.archived.run["status_since"]}
        batches = parts.read(self.archived.store, file.path, file)
        rows = _rejected_rows(self.archived.run["run_id"], batches)
        postgres.load(self.cursor, "scoring", "rejected_rows", rows)
        return {}


def _rejected_rows(run_id: int, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    schema = pa.schema([("run_id", pa.int64()), *KEPT_REJECTED])
    number = pa.scalar(run_id, pa.int64())
    rows = (
        pa.RecordBatch.from_arrays([pa.repeat(number, batch.num_rows), *batch.columns], schema=schema)
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(schema, rows)


def value(cursor: adbc.Cursor, statement: str, *values: Any) -> Any:
    """The one value of a statement, read as JSON; None where it gives none."""
    cursor.execute(statement, values)
    row = cursor.fetchone()
    return json.loads(row[0]) if row and row[0] else None
