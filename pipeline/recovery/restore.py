"""One night is made again from the store, in one transaction: whole, or not at all.

The record of each of its runs, the scored parts and the rejected rows say what the database lacks; which run is shown
says the last receipt, unless the database has a later move of its own. A run that the database knows as published keeps
all that it was published with: only its status changes, and the parts that an erasure rewrote.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.errors import ScoringError
from pipeline.recovery import archived as store_of
from pipeline.recovery.archived import LINES, Archived, Row
from pipeline.runs import archive
from pipeline.runs.receipts import KEPT_REJECTED, Note
from pipeline.store import parts
from pipeline.store.parts import PartError

# How far a run's number may lie ahead of the database's own: a higher one would use the numbers up.
AHEAD = 1_000_000


class NightError(ScoringError):
    """A night that cannot be made again, and why."""


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


@dataclass(frozen=True)
class Night:
    """One score date of a job.

    Attributes:
        uri: the predictions database, as the owner of its schema.
        store: where runs keep their parts.
        job: the job's name.
        day: the score date.
        secret: the database's key.
        noted: what erasures rewrote of the job's runs, by run.
        notes: takes what a person has to know.
    """

    uri: str
    store: str
    job: str
    day: date
    secret: bytes
    noted: Mapping[int, Sequence[Note]]
    notes: list[str]

    def make(self, paths: list[tuple[int, str]]) -> list[Item]:
        """Make again what the database lacks of the night; returns the runs that changed.

        Args:
            paths: its receipts, in order.

        Raises:
            NightError: the number of one of its runs is another run's; or what the store has makes no sense.
            PartError: a file of the run that is to be shown is missing, damaged or somebody else's.
        """
        with _making_sense(f"{self.job} {self.day}"):
            moves = store_of.moves(self.store, self.secret, (self.job, self.day), paths)
            return self._make(moves) if moves else []

    def _make(self, moves: list[Row]) -> list[Item]:
        with postgres.engine(self.uri).begin() as connection:
            connection.execute(sa.text(_PARTITION), {"score_date": self.day})
        with postgres.connect(self.uri) as session, session.cursor() as cursor:
            _value(cursor, _LOCK, self.job, self.day.isoformat())
            runs = self._runs(cursor, moves)
            self._advance(cursor, max(run["run_id"] for run in runs))
            done = [item for run in runs if (item := self._bring(cursor, run))]
            moved = [_move(cursor, move["publication"]) for move in moves]
            if not done and not any(moved):
                return []
            cursor.execute(_POINT, (self.job, self.day.isoformat()))
            session.commit()
        with postgres.engine(self.uri).begin() as connection:
            connection.execute(sa.text(_INDEX), {"score_date": self.day})
        return done

    def _runs(self, cursor: adbc.Cursor, moves: list[Row]) -> list[Row]:
        """The night's runs as they are to be: of two receipts the later counts, and of all moves the last."""
        runs = {run["run_id"]: run for move in moves for run in move["runs"]}
        entered = _value(cursor, _LAST, self.job, self.day.isoformat())
        publications = [move["publication"] for move in moves] + ([entered] if entered else [])
        last = max(publications, key=lambda publication: _moment(publication["published_at"]))
        for run in runs.values():
            if run["status"] == "published" and run["run_id"] != last["run_id"]:
                reason = f"replaced by run {last['run_id']}"
                run.update(status="superseded", status_reason=reason, status_since=last["published_at"])
        # One published run a night: the one that takes over comes last.
        return sorted(runs.values(), key=lambda run: (run["status"] == "published", run["run_id"]))

    def _advance(self, cursor: adbc.Cursor, highest: int) -> None:
        """Let new runs begin above the night's: a claim may be lost."""
        last = _value(cursor, _LAST_RUN)
        if highest > last + AHEAD:
            raise NightError(
                f"{self.job} {self.day}: run {highest} lies more than {AHEAD} above this database's last run, {last}. "
                "Remove the receipt of that run, and find out who writes there."
            )
        if highest > last:
            _value(cursor, _ADVANCE, highest)

    def _bring(self, cursor: adbc.Cursor, run: Row) -> Item | None:
        """Bring one run to what it was; None where it is so already."""
        current = _value(cursor, _CURRENT, run["run_id"])
        if current is None:
            return self._load(cursor, run, None)
        night = ("job", "score_date")
        if any(current[column] != run[column] for column in night) or (
            _moment(current["started_at"]) != _moment(run["started_at"])
        ):
            raise NightError(
                f"{self.job} {self.day}: run {run['run_id']} is another run in this database, of {current['job']} "
                f"{current['score_date']}, which began after the backup and before the rebuild. Restore the backup "
                "again, and rebuild before any job runs."
            )
        if current["expired_at"] is not None:
            return None
        if current["status"] == "abandoned":
            raise NightError(
                f"{self.job} {self.day}: run {run['run_id']} was published, and this database has abandoned it since: "
                f"{current['status_reason']}. Restore the backup again, and rebuild before anybody decides."
            )
        if current["published_at"] is None:
            return self._load(cursor, run, None)
        run = {**current, **{column: run[column] for column in _CHANGES if column in run}}
        ledger, rejected = _value(cursor, _LEDGER, run["run_id"]), _value(cursor, _REJECTED, run["run_id"])
        if self._archived(run).rewritten(ledger, rejected):
            return self._load(cursor, run, ledger)
        if current["status"] == run["status"]:
            return None
        _value(cursor, _RESTORE_RUN, json.dumps(run))
        return self._item(run, 0)

    def _archived(self, run: Row) -> Archived:
        return Archived(self.store, run, self.noted, self.secret)

    def _load(self, cursor: adbc.Cursor, run: Row, ledger: list[Row] | None) -> Item:
        """Load a run in place of whatever there is of it.

        Args:
            cursor: of the night's transaction.
            run: its row as it is to be.
            ledger: as the database has it, where it has seen the run published: so it has the metrics, too.
        """
        archived = self._archived(run)
        record, run = self._proved(archived, ledger)
        lines = LINES if ledger is None else ("run_parts",)
        stale = ("prediction_rows", "rejected_rows", *(("rewrites",) if ledger is None else ()))
        for table in (*stale, *lines):
            cursor.execute(_WIPE[table], (run["run_id"],))
        run |= self._reject(cursor, archived, record["rejected"])
        _value(cursor, _RESTORE_RUN, json.dumps(run))
        for table in (*lines, "rewrites"):
            _value(cursor, _RESTORE_ROWS, table, json.dumps(record[table]))
        if run["expired_at"] is not None:
            return self._item(run, 0)
        return self._item(run, sum(self._score(cursor, archived, line) for line in record["run_parts"]))

    def _proved(self, archived: Archived, ledger: list[Row] | None) -> tuple[Row, Row]:
        """A run's record with the ledger that its files bear out, and its row.

        Where files are gone of a run that is not shown, it is as if it had expired: nobody can roll back to it.
        """
        run = archived.run
        known = {} if ledger is None else {"run_parts": ledger}
        record: Row = {**{table: [] for table in _WIPE}, "rejected": None, **known}
        try:
            record |= archived.record() | known
            if run["expired_at"] is None:
                record["run_parts"], record["rewrites"] = archived.ledger(record["run_parts"])
        except PartError as error:
            if run["status"] == "published":
                raise
            self.notes.append(
                f"run {run['run_id']}, which is not shown, was made again without its scores. Nobody can roll back to "
                f"it: {error}"
            )
            run = {**run, "expired_at": run["status_since"], "rows_pruned_at": run["status_since"]}
        return record, run

    def _score(self, cursor: adbc.Cursor, archived: Archived, line: Row) -> int:
        file = archived.scores(line)
        where = (self.day.isoformat(), archived.run["run_id"], line["part"])
        batches = parts.read(self.store, file.path, file)
        rows = postgres.load(cursor, "scoring", "prediction_rows", archive.as_rows(where, batches))
        expected = line["rows_scored"] - line["rows_erased"]
        if rows != expected:
            raise NightError(
                f"{archived.name}: {file.path} has {rows} rows, and its ledger says {expected}. Score the night again."
            )
        return rows

    def _reject(self, cursor: adbc.Cursor, archived: Archived, part: Row | None) -> Row:
        """Load a run's rejected rows; returns what changes in its row where they have had their time."""
        if part is None or archived.run["rejected_pruned_at"] is not None:
            return {}
        try:
            file = archived.rejected(part["sha256"])
        except PartError as error:
            self.notes.append(f"made again without rejected rows: {error}")
            return {"rejected_pruned_at": archived.run["status_since"]}
        batches = parts.read(self.store, file.path, file)
        postgres.load(cursor, "scoring", "rejected_rows", _rejected_rows(archived.run["run_id"], batches))
        return {}

    def _item(self, run: Row, rows: int) -> Item:
        return Item(self.job, self.day, run["run_id"], run["status"], rows)


def _move(cursor: adbc.Cursor, publication: Row) -> bool:
    """Enter a move of the pointer; returns whether the database did not know it."""
    if _value(cursor, _MOVED, publication["run_id"], publication["published_at"]):
        return False
    _value(cursor, _RESTORE_ROWS, "publications", json.dumps([publication]))
    # The chain seals it anew, behind what the database has decided since, and says who entered it.
    decision = {**publication, "recorded_at": publication["published_at"]}
    _value(cursor, _RESTORE_DECISION, json.dumps(decision))
    return True


@contextmanager
def _making_sense(night: str) -> Iterator[None]:
    """Name the night of which the store has what is no receipt or record, or what the database refuses.

    What the database has sealed makes sense. What was adopted without a proof need not.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
    except (adbc.Error, sa.exc.DBAPIError) as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
        if state[:2] not in _REFUSALS:
            raise
        reason = str(getattr(error, "orig", error)).splitlines()[0]
    else:
        return
    raise NightError(
        f"{night}: what the store has of it makes no sense: {reason}. Restore its receipts and records from a copy of "
        "the store, or score the night again."
    )


def _rejected_rows(run_id: int, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    schema = pa.schema([("run_id", pa.int64()), *KEPT_REJECTED])
    number = pa.scalar(run_id, pa.int64())
    rows = (
        pa.RecordBatch.from_arrays([pa.repeat(number, batch.num_rows), *batch.columns], schema=schema)
        for batch in batches
    )
    return pa.RecordBatchReader.from_batches(schema, rows)


def _moment(timestamp: str) -> datetime:
    """A time that the database wrote, in whatever time zone it did."""
    return datetime.fromisoformat(timestamp)


def _value(cursor: adbc.Cursor, statement: str, *values: Any) -> Any:
    """The one value of a statement, read as JSON; None where it gives none."""
    cursor.execute(statement, values)
    row = cursor.fetchone()
    return json.loads(row[0]) if row and row[0] else None


_PARTITION = "SELECT scoring.ensure_partition(:score_date)"
# ADBC sends text as it is, and not as a date or jsonb.
_LOCK = "SELECT scoring.lock_night($1, CAST(CAST($2 AS text) AS date))::text"
_RESTORE_RUN = "SELECT scoring.restore_run(CAST(CAST($1 AS text) AS jsonb))::text"
_RESTORE_ROWS = "SELECT scoring.restore_rows(CAST($1 AS text), CAST(CAST($2 AS text) AS jsonb))::text"
_RESTORE_DECISION = """
SELECT scoring.restore_rows('decisions', jsonb_build_array(
    CAST(CAST($1 AS text) AS jsonb) || jsonb_build_object('restored_as', session_user)))::text
"""
_LAST_RUN = (
    "SELECT (CASE WHEN is_called THEN last_value ELSE 0 END)::text FROM scoring.scoring_runs_run_id_seq"
)
_ADVANCE = "SELECT setval('scoring.scoring_runs_run_id_seq', $1)::text"
# What may become of a run after it was published; all else it keeps.
_CHANGES = (
    "status", "status_reason", "status_since", "expired_at", "rows_pruned_at", "parts_pruned_at", "rejected_pruned_at",
    "metrics_pruned_at",
)  # fmt: skip
# Bad data, broken constraints, wrong names, and what our own functions refuse.
_REFUSALS = ("22", "23", "42", "P0")
_CURRENT = "SELECT to_jsonb(run)::text FROM scoring.scoring_runs AS run WHERE run_id = $1"
_LEDGER = (
    "SELECT coalesce(jsonb_agg(to_jsonb(line)), '[]')::text FROM scoring.run_parts AS line WHERE run_id = $1"
)
_REJECTED = "SELECT count(*)::text FROM scoring.rejected_rows WHERE run_id = $1"
_LAST = """
SELECT to_jsonb(move)::text FROM scoring.publications AS move
WHERE job = $1 AND score_date = CAST(CAST($2 AS text) AS date) ORDER BY published_at DESC LIMIT 1
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
    "rewrites": "DELETE FROM scoring.rewrites WHERE run_id = $1",
    "run_parts": "DELETE FROM scoring.run_parts WHERE run_id = $1",
    "run_metrics": "DELETE FROM scoring.run_metrics WHERE run_id = $1",
    "feature_metrics": "DELETE FROM scoring.feature_metrics WHERE run_id = $1",
    "profiles": "DELETE FROM scoring.profiles WHERE run_id = $1",
}
_INDEX = "SELECT scoring.summarize(:score_date), scoring.analyze(:score_date)"
