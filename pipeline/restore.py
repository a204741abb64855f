"""One night is made again from the store, in one transaction: whole, or not at all.

The record of each of its runs, the scored parts and the rejected rows say what the database lacks; which run is shown
says the last receipt, unless the database has a later move of its own.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from pipeline import objects, parts, postgres, receipts, write
from pipeline.errors import ScoringError
from pipeline.parts import PartError
from pipeline.receipts import KEPT_REJECTED, Note

Row = dict[str, Any]


class NightError(ScoringError):
    """A night that cannot be made again, and why."""


@dataclass(frozen=True)
class File:
    """A file of the store with the digest that it is to have."""

    path: str
    sha256: str


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


class Night:
    """One score date of a job, made again in one transaction."""

    def __init__(
        self, uri: str, store: str, job: str, day: date, noted: dict[int, list[Note]], notes: list[str]
    ) -> None:
        """Begin with a night of a job.

        Args:
            uri: the predictions database, as the owner of its schema.
            store: where runs keep their parts.
            job: the job's name.
            day: the score date.
            noted: what erasures rewrote of the job's runs.
            notes: takes what a person has to know.
        """
        self._uri, self._store, self._job, self._day = uri, store, job, day
        self._noted, self._notes = noted, notes

    def make(self, moves: list[str]) -> list[Item]:
        """Make again what the database lacks of the night; returns the runs that changed.

        Args:
            moves: paths of its receipts, in order.

        Raises:
            NightError: the run that is to be shown cannot be made again, or its number is another run's.
            PartError: a file of it is missing or damaged.
        """
        read = [value for path in moves if (value := objects.read(self._store, path))]
        latest = json.loads(read[-1])
        with postgres.engine(self._uri).begin() as connection:
            connection.execute(sa.text(_PARTITION), {"score_date": self._day})
        with postgres.connect(self._uri) as session, session.cursor() as cursor:
            _value(cursor, _LOCK, self._job, self._day.isoformat())
            runs = self._statuses(cursor, latest)
            # One published run a night: the one that takes over comes last.
            done = [
                item
                for run in sorted(runs, key=lambda run: (run["status"] == "published", run["run_id"]))
                if (item := self._run(cursor, run))
            ]
            moved = [self._move(cursor, json.loads(value)["publication"]) for value in read]
            if not done and not any(moved):
                return []
            cursor.execute(_POINT, (self._job, self._day.isoformat()))
            session.commit()
        with postgres.engine(self._uri).begin() as connection:
            connection.execute(sa.text(_INDEX), {"score_date": self._day})
        return done

    def _statuses(self, cursor: adbc.Cursor, latest: Row) -> list[Row]:
        """The night's runs as the last receipt has them, or as a later move of the database leaves them."""
        newer = _value(
            cursor, _NEWER, self._job, self._day.isoformat(), latest["publication"]["published_at"]
        )
        runs: list[Row] = latest["runs"]
        if newer is not None:
            for run in runs:
                if run["status"] == "published" and run["run_id"] != newer["run_id"]:
                    replaced = {"status": "superseded", "status_reason": f"replaced by run {newer['run_id']}"}
                    run.update(replaced, status_since=newer["published_at"])
        return runs

    def _run(self, cursor: adbc.Cursor, run: Row) -> Item | None:
        """Bring one run to what it was; None where it is so already."""
        current = _value(cursor, _CURRENT, run["run_id"])
        if current is not None and (current["job"], current["started_at"]) != (run["job"], run["started_at"]):
            raise NightError(
                f"{self._job} {self._day}: run {run['run_id']} is another run in this database, of {current['job']} "
                f"{current['score_date']}, which began after the backup and before the rebuild. Restore the backup "
                "again, and rebuild before any job runs."
            )
        if current is not None and current["expired_at"] is not None:
            return None
        known = current is not None and current["published_at"] is not None
        if known and not self._rewritten(cursor, run):
            if current["status"] == run["status"]:
                return None
            _value(cursor, _RESTORE_RUN, json.dumps(run))
            return Item(self._job, self._day, run["run_id"], run["status"], 0)
        rows = self._load(cursor, run, known=known)
        return Item(self._job, self._day, run["run_id"], run["status"], rows)

    def _rewritten(self, cursor: adbc.Cursor, run: Row) -> bool:
        """Whether an erasure has rewritten files of the run since the database knew them."""
        job, day, source = _source(run)
        ledger = {line["part"]: line for line in _value(cursor, _LEDGER, run["run_id"])}
        for kind, part in {(note.kind, note.part) for note in self._noted.get(source, ())}:
            if kind == "rejected":
                known = _value(cursor, _REJECTED, run["run_id"])
                left = receipts.rejected_rows(self._store, receipts.rejected_path(job, day, source))
                changed = left is not None and left != known
            else:
                path = parts.input_path if kind == "input" else parts.scored_path
                actual = self._digest(path(job, day, source, part))
                changed = actual is not None and actual != ledger[part][f"{kind}_sha256"]
            if changed:
                return True
        return False

    def _load(self, cursor: adbc.Cursor, run: Row, *, known: bool) -> int:
        """Load a run in place of whatever there is of it; returns the rows of scores.

        Args:
            cursor: of the night's transaction.
            run: its row as it is to be.
            known: whether the database has seen it published, and so has its metrics.
        """
        record = self._record(run)
        wiped = ("prediction_rows", "rejected_rows", "run_parts")
        archived = () if known else ("run_metrics", "feature_metrics", "profiles")
        for table in (*wiped, *archived):
            cursor.execute(_WIPE[table], (run["run_id"],))
        lines, run = self._lines(run, record["run_parts"])
        run |= self._rejected(cursor, run, record["rejected"])
        _value(cursor, _RESTORE_RUN, json.dumps(run))
        for table, rows in (("run_parts", lines), *((table, record[table]) for table in archived)):
            _value(cursor, _RESTORE_ROWS, table, json.dumps(rows))
        return sum(self._scores(cursor, run, line) for line in lines) if run["expired_at"] is None else 0

    def _lines(self, run: Row, archived: list[Row]) -> tuple[list[Row], Row]:
        """The run's ledger with the digests that its files have, and its row.

        Where files of a run are gone that is not shown, it is as if it had expired: nobody can roll back to it.
        """
        if run["expired_at"] is not None:
            return archived, run
        try:
            return [self._line(run, line) for line in archived], run
        except PartError as error:
            if run["status"] == "published":
                raise
            self._notes.append(
                f"run {run['run_id']}, which is not shown, was made again without its scores. Nobody can roll back to "
                f"it: {error}"
            )
            return archived, {**run, "expired_at": run["status_since"], "rows_pruned_at": run["status_since"]}

    def _record(self, run: Row) -> Row:
        path = receipts.record_path(self._job, self._day.isoformat(), run["run_id"])
        value = objects.read(self._store, path)
        if value is None:
            raise NightError(
                f"{self._job} {self._day}: the record of run {run['run_id']} is missing: {path} in {self._store}. Its "
                "parts have had their time (retention.parts_days), or the store has lost it. Score the night again."
            )
        record: Row = json.loads(value)
        return record

    def _line(self, run: Row, line: Row) -> Row:
        """A line of the ledger with the digests that its files have, once they are proved to be the run's."""
        job, day, source = _source(run)
        scored = parts.scored_path(job, day, source, line["part"])
        sha256, erased = self._proved(scored, "scored", source, line["part"], line["scored_sha256"])
        line = {**line, "scored_sha256": sha256, "rows_erased": line["rows_erased"] + erased}
        if any((note.kind, note.part) == ("input", line["part"]) for note in self._noted.get(source, ())):
            path = parts.input_path(job, day, source, line["part"])
            line["input_sha256"], _ = self._proved(path, "input", source, line["part"], line["input_sha256"])
        return line

    def _proved(self, path: str, kind: str, run_id: int, part: int, sha256: str) -> tuple[str, int]:
        """The digest of a file, and how many rows were erased from it since it had the given one."""
        actual = self._digest(path)
        if actual is None:
            raise PartError(
                f"{self._job} {self._day}: {path} is missing from {self._store}. Score the night again."
            )
        erased = receipts.erased_rows(self._noted.get(run_id, ()), kind, part, sha256, actual)
        if erased is None:
            raise PartError(
                f"{self._job} {self._day}: {path} in {self._store} is not what was published: SHA-256 {actual}, "
                f"expected {sha256}. Restore it from a copy of the store, or score the night again."
            )
        return actual, erased

    def _digest(self, path: str) -> str | None:
        try:
            return hashlib.sha256(parts.fetch(self._store, path)).hexdigest()
        except FileNotFoundError:
            return None

    def _scores(self, cursor: adbc.Cursor, run: Row, line: Row) -> int:
        job, day, source = _source(run)
        file = File(parts.scored_path(job, day, source, line["part"]), line["scored_sha256"])
        batches = parts.read(self._store, file.path, file)
        where = (self._day.isoformat(), self._job, run["run_id"], line["part"])
        rows = postgres.load(cursor, "scoring", "prediction_rows", write.as_rows(where, batches))
        expected = line["rows_scored"] - line["rows_erased"]
        if rows != expected:
            raise NightError(
                f"{self._job} {self._day}: {file.path} has {rows} rows, and the ledger of run {run['run_id']} says "
                f"{expected}. Score the night again."
            )
        return rows

    def _rejected(self, cursor: adbc.Cursor, run: Row, archived: Row | None) -> Row:
        """Load a run's rejected rows; returns what changes in its row where they have had their time."""
        if archived is None or run["rejected_pruned_at"] is not None:
            return {}
        path = receipts.rejected_path(self._job, self._day.isoformat(), run["run_id"])
        try:
            sha256, _ = self._proved(path, "rejected", run["run_id"], 0, archived["sha256"])
        except PartError as error:
            self._notes.append(f"run {run['run_id']} was made again without its rejected rows: {error}")
            return {"rejected_pruned_at": run["status_since"]}
        batches = parts.read(self._store, path, File(path, sha256))
        postgres.load(cursor, "scoring", "rejected_rows", _rejected_rows(run["run_id"], batches))
        return {}

    @staticmethod
    def _move(cursor: adbc.Cursor, publication: Row) -> bool:
        """Enter a move of the pointer; returns whether the database did not know it."""
        if _value(cursor, _MOVED, publication["run_id"], publication["published_at"]):
            return False
        _value(cursor, _RESTORE_ROWS, "publications", json.dumps([publication]))
        return True


def _value(cursor: adbc.Cursor, statement: str, *values: Any) -> Any:
    """The one value of a statement, read as JSON; None where it gives none."""
    cursor.execute(statement, values)
    row = cursor.fetchone()
    return json.loads(row[0]) if row and row[0] else None


def _source(run: Row) -> tuple[str, str, int]:
    """Whose files hold a run's scores: its own, or those of the run that it serves again."""
    day = date.fromisoformat(run["score_date"]) - timedelta(days=run["staleness_days"])
    return run["job"], day.isoformat(), run["source_run_id"] or run["run_id"]


def _rejected_rows(run_id: int, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    schema = pa.schema([("run_id", pa.int64()), *KEPT_REJECTED])
    runs = pa.scalar(run_id, pa.int64())
    rows = (
        pa.RecordBatch.from_arrays([pa.repeat(runs, batch.num_rows), *batch.columns], schema=schema)
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(schema, rows)


_PARTITION = "SELECT scoring.ensure_partition(:score_date)"
# ADBC sends text as it is, and not as a date or jsonb.
_LOCK = "SELECT scoring.lock_night($1, CAST(CAST($2 AS text) AS date))::text"
_RESTORE_RUN = "SELECT scoring.restore_run(CAST(CAST($1 AS text) AS jsonb))::text"
_RESTORE_ROWS = "SELECT scoring.restore_rows(CAST($1 AS text), CAST(CAST($2 AS text) AS jsonb))::text"
_CURRENT = "SELECT to_jsonb(run)::text FROM scoring.scoring_runs AS run WHERE run_id = $1"
_LEDGER = (
    "SELECT coalesce(jsonb_agg(to_jsonb(line)), '[]')::text FROM scoring.run_parts AS line WHERE run_id = $1"
)
_REJECTED = "SELECT count(*)::text FROM scoring.rejected_rows WHERE run_id = $1"
_NEWER = """
SELECT to_jsonb(move)::text FROM scoring.publications AS move
WHERE job = $1 AND score_date = CAST(CAST($2 AS text) AS date)
  AND published_at > CAST(CAST($3 AS text) AS timestamptz)
ORDER BY published_at DESC LIMIT 1
"""
_MOVED = """
SELECT 'true' FROM scoring.publications
WHERE run_id = $1 AND published_at = CAST(CAST($2 AS text) AS timestamptz)
"""
# Where the run that was moved to last has expired since, the night shows none.
_POINT = """
INSERT INTO scoring.current_runs AS shown (job, score_date, run_id)
SELECT job, score_date, run_id FROM scoring.scoring_runs
WHERE job = $1 AND score_date = CAST(CAST($2 AS text) AS date) AND status = 'published'
ON CONFLICT ON CONSTRAINT current_runs_pkey DO UPDATE SET run_id = EXCLUDED.run_id
"""
_WIPE = {
    "prediction_rows": """
        DELETE FROM scoring.prediction_rows USING scoring.scoring_runs AS run
        WHERE run.run_id = $1 AND prediction_rows.run_id = run.run_id
          AND prediction_rows.score_date = run.score_date""",
    "rejected_rows": "DELETE FROM scoring.rejected_rows WHERE run_id = $1",
    "run_parts": "DELETE FROM scoring.run_parts WHERE run_id = $1",
    "run_metrics": "DELETE FROM scoring.run_metrics WHERE run_id = $1",
    "feature_metrics": "DELETE FROM scoring.feature_metrics WHERE run_id = $1",
    "profiles": "DELETE FROM scoring.profiles WHERE run_id = $1",
}
_INDEX = "SELECT scoring.summarize(:score_date), scoring.analyze(:score_date)"
