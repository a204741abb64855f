"""One score date is made again from the store, in one transaction: whole, or not at all.

The record of each of its runs, the scored parts and the rejected rows say what the database lacks; which run is shown
says the last receipt, unless the database has a later move of its own. A run that the database knows as published keeps
all that it was published with: only its status changes, and the parts that an erasure rewrote.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.recovery import archived as store_of
from pipeline.recovery.archived import Archived, Row
from pipeline.recovery.loading import RESTORE_ROWS, RESTORE_RUN, Item, Loader, RestoreError, value
from pipeline.runs.erasures import Note

# How far a run's number may lie ahead of the database's own: a higher one would use the numbers up.
AHEAD = 1_000_000

_SQL = statements.load("recovery/restore")
_PARTITION = "SELECT scoring.ensure_partition(:score_date)"
_INDEX = "SELECT scoring.summarize(:score_date), scoring.analyze(:score_date)"
# ADBC sends text as it is, and not as a date.
_LOCK = "SELECT scoring.lock_night($1, CAST(CAST($2 AS text) AS date))::text"
_ADVANCE = "SELECT setval('scoring.scoring_runs_run_id_seq', $1)::text"
_CURRENT = "SELECT to_jsonb(run)::text FROM scoring.scoring_runs AS run WHERE run_id = $1"
_REJECTED = "SELECT count(*)::text FROM scoring.rejected_rows WHERE run_id = $1"
# What may become of a run after it was published; all else it keeps.
_CHANGES = (
    "status", "status_reason", "status_since", "expired_at", "rows_pruned_at", "parts_pruned_at", "rejected_pruned_at",
    "metrics_pruned_at",
)  # fmt: skip
# Bad data, broken constraints, wrong names, and what our own functions refuse.
_REFUSALS = ("22", "23", "42", "P0")


@dataclass(frozen=True)
class ScoreDate:
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
        """Make again what the database lacks of the score date; returns the runs that changed.

        Args:
            paths: its receipts, in order.

        Raises:
            RestoreError: the number of one of its runs is another run's; or what the store has makes no sense.
            PartError: a file of the run that is to be shown is missing, damaged or somebody else's.
        """
        with _making_sense(f"{self.job} {self.day}"):
            moves = store_of.moves(self.store, self.secret, (self.job, self.day), paths)
            return self._make(moves) if moves else []

    def _make(self, moves: list[Row]) -> list[Item]:
        with postgres.engine(self.uri).begin() as connection:
            connection.execute(sa.text(_PARTITION), {"score_date": self.day})
        with postgres.connect(self.uri) as session, session.cursor() as cursor:
            value(cursor, _LOCK, self.job, self.day.isoformat())
            runs = self._runs(cursor, moves)
            self._advance(cursor, max(run["run_id"] for run in runs))
            done = [item for run in runs if (item := self._bring(cursor, run))]
            moved = [_move(cursor, move["publication"]) for move in moves]
            if not done and not any(moved):
                return []
            cursor.execute(_SQL["point"], (self.job, self.day.isoformat()))
            session.commit()
        with postgres.engine(self.uri).begin() as connection:
            connection.execute(sa.text(_INDEX), {"score_date": self.day})
        return done

    def _runs(self, cursor: adbc.Cursor, moves: list[Row]) -> list[Row]:
        """The score date's runs as they are to be: of two receipts the later counts, and of all moves the last."""
        runs = {run["run_id"]: run for move in moves for run in move["runs"]}
        entered = value(cursor, _SQL["last_move"], self.job, self.day.isoformat())
        publications = [move["publication"] for move in moves] + ([entered] if entered else [])
        last = max(publications, key=lambda publication: _moment(publication["published_at"]))
        for run in runs.values():
            if run["status"] == "published" and run["run_id"] != last["run_id"]:
                reason = f"replaced by run {last['run_id']}"
                run.update(status="superseded", status_reason=reason, status_since=last["published_at"])
        # One published run a score date: the one that takes over comes last.
        return sorted(runs.values(), key=lambda run: (run["status"] == "published", run["run_id"]))

    def _advance(self, cursor: adbc.Cursor, highest: int) -> None:
        """Let new runs begin above the score date's: a claim may be lost."""
        last = value(cursor, _SQL["last_run"])
        if highest > last + AHEAD:
            raise RestoreError(
                f"{self.job} {self.day}: run {highest} lies more than {AHEAD} above this database's last run, {last}. "
                "Remove the receipt of that run, and find out who writes there."
            )
        if highest > last:
            value(cursor, _ADVANCE, highest)

    def _bring(self, cursor: adbc.Cursor, run: Row) -> Item | None:
        """Bring one run to what it was; None where it is so already."""
        current = value(cursor, _CURRENT, run["run_id"])
        if current is None:
            return self._load(cursor, run)
        of = ("job", "score_date")
        if any(current[column] != run[column] for column in of) or (
            _moment(current["started_at"]) != _moment(run["started_at"])
        ):
            raise RestoreError(
                f"{self.job} {self.day}: run {run['run_id']} is another run in this database, of {current['job']} "
                f"{current['score_date']}, which began after the backup and before the rebuild. Restore the backup "
                "again, and rebuild before any job runs."
            )
        if current["expired_at"] is not None:
            return None
        if current["status"] == "abandoned":
            raise RestoreError(
                f"{self.job} {self.day}: run {run['run_id']} was published, and this database has abandoned it since: "
                f"{current['status_reason']}. Restore the backup again, and rebuild before anybody decides."
            )
        if current["published_at"] is None:
            return self._load(cursor, run)
        run = {**current, **{column: run[column] for column in _CHANGES if column in run}}
        ledger, rejected = (
            value(cursor, _SQL["ledger"], run["run_id"]),
            value(cursor, _REJECTED, run["run_id"]),
        )
        archived = Archived(self.store, run, self.noted, self.secret)
        if archived.rewritten(ledger, rejected):
            return Loader(cursor, archived, self.notes).load(ledger)
        if current["status"] == run["status"]:
            return None
        value(cursor, RESTORE_RUN, json.dumps(run))
        return Item.of(run, 0)

    def _load(self, cursor: adbc.Cursor, run: Row) -> Item:
        return Loader(cursor, Archived(self.store, run, self.noted, self.secret), self.notes).load(None)


def _move(cursor: adbc.Cursor, publication: Row) -> bool:
    """Enter a move of the pointer; returns whether the database did not know it."""
    if value(cursor, _SQL["moved"], publication["run_id"], publication["published_at"]):
        return False
    value(cursor, RESTORE_ROWS, "publications", json.dumps([publication]))
    # The chain seals it anew, behind what the database has decided since, and says who entered it.
    decision = {**publication, "recorded_at": publication["published_at"]}
    value(cursor, _SQL["restore_decision"], json.dumps(decision))
    return True


@contextmanager
def _making_sense(name: str) -> Iterator[None]:
    """Name the score date of which the store has what is no receipt or record, or what the database refuses.

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
    raise RestoreError(
        f"{name}: what the store has of it makes no sense: {reason}. Restore its receipts and records from a copy of "
        "the store, or score that date again."
    )


def _moment(timestamp: str) -> datetime:
    """A time that the database wrote, in whatever time zone it did."""
    return datetime.fromisoformat(timestamp)
