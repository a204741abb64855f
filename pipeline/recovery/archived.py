"""What the store has of a score date: its receipts, its runs' records, and their files once they are proved theirs.

Receipts and records count only where the database has sealed them, and where they speak of what their paths name.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from pipeline.runs import receipts
from pipeline.runs.erasures import Note, erasures_between
from pipeline.store import files, objects
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError

Row = dict[str, Any]

# The tables of which a record has a run's rows.
LINES = ("run_parts", "run_metrics", "feature_metrics", "profiles")
_REMEDY = "Restore the file from a copy of the store, or remove it, and find out who writes there."


def moves(
    store: str, secret: bytes, job_and_day: tuple[str, date], paths: Sequence[tuple[int, str]]
) -> list[Row]:
    """The receipts of a score date's moves.

    Args:
        store: where runs keep their parts.
        secret: the database's key.
        job_and_day: the job's name, and the score date.
        paths: the run and the file of each.

    Raises:
        PartError: one is damaged, or somebody else's, or speaks of another score date or run than its name.
    """
    moves = []
    for run_id, path in paths:
        value = objects.read(store, path, secret)
        if value is None:
            continue
        move: Row = json.loads(value)
        publication, runs = move["publication"], move["runs"]
        numbers = {run["run_id"] for run in runs}
        if (
            any(
                (row["job"], row["score_date"]) != (job_and_day[0], job_and_day[1].isoformat())
                for row in [publication, *runs]
            )
            or any(run["status"] not in ("published", "superseded") for run in runs)
            or any(type(number) is not int for number in numbers)
            or publication["run_id"] != run_id
            or not {run_id, publication["replaced_run_id"]} - {None} <= numbers
        ):
            raise PartError(f"{path} in {store} speaks of another score date or run than its name. {_REMEDY}")
        moves.append(move)
    return moves


@dataclass(frozen=True)
class File:
    """A file of the store with the digest that it has."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Archived:
    """A run as the store has it.

    Attributes:
        store: where runs keep their parts.
        run: its row, as its last receipt has it.
        noted: what erasures rewrote of the job's runs, by run.
        secret: the database's key.
    """

    store: str
    run: Row
    noted: Mapping[int, Sequence[Note]]
    secret: bytes

    @property
    def name(self) -> str:
        """The run, for a message."""
        return f"run {self.run['run_id']} of {self.run['job']} {self.run['score_date']}"

    def record(self) -> Row:
        """The run's record.

        Raises:
            PartError: it is missing or damaged, or somebody else's.
        """
        path = self._ref.record
        value = objects.read(self.store, path, self.secret)
        if value is None:
            raise PartError(
                f"{self.name}: its record {path} is missing from {self.store}. Its files have had their time "
                "(retention.parts_days), or the store has lost them. Score that date again."
            )
        record: Row = json.loads(value)
        of = ("job", "score_date", "run_id")
        rows = [row for table in LINES for row in record[table]]
        if any(record["run"][column] != self.run[column] for column in of) or any(
            row["run_id"] != self.run["run_id"] for row in rows
        ):
            raise PartError(f"{self.name}: its record {path} speaks of another run. {_REMEDY}")
        return record

    def ledger(self, lines: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """The run's ledger with the digests that its files have, and the rewrites that led there.

        Args:
            lines: the ledger as it was archived.

        Raises:
            PartError: a file is missing, or is neither what was published nor what an erasure left of it.
        """
        proved = [self._line(line) for line in lines]
        return [line for line, _ in proved], [rewrite for _, rewrites in proved for rewrite in rewrites]

    def scores(self, line: Row) -> File:
        """The file of scores of a line of the ledger."""
        return File(self._source.scored(line["part"]), line["scored_sha256"])

    def rejected(self, sha256: str) -> File:
        """The file of rejected rows.

        Args:
            sha256: its digest when it was archived.

        Raises:
            PartError: as for the ledger.
        """
        path = self._ref.rejected
        return File(path, self._prove(path, "rejected", 0, sha256)[0])

    def rewritten(self, ledger: Sequence[Row], rejected: int) -> bool:
        """Whether an erasure has rewritten files of the run since the database knew them.

        Args:
            ledger: the run's, in the database.
            rejected: how many rejected rows of it are there.
        """
        in_database = {line["part"]: line for line in ledger}
        for kind, part in {(note.kind, note.part) for note in self._notes}:
            if kind != "rejected":
                path = (self._source.input if kind == "input" else self._source.scored)(part)
                line = in_database.get(part, {f"{kind}_sha256": None})
                if self._digest(path) not in (None, line[f"{kind}_sha256"]):
                    return True
            elif self.run["source_run_id"] is None:
                rows = receipts.rejected_rows(self.store, self._source.rejected)
                if rows not in (None, rejected):
                    return True
        return False

    @property
    def _ref(self) -> RunRef:
        return RunRef(self.run["job"], date.fromisoformat(self.run["score_date"]), self.run["run_id"])

    @property
    def _source(self) -> RunRef:
        """Whose files hold the scores: the run's own, or those of the run that it serves again."""
        day = self._ref.score_date - timedelta(days=self.run["staleness_days"])
        return replace(self._ref, score_date=day, run_id=self.run["source_run_id"] or self.run["run_id"])

    @property
    def _notes(self) -> Sequence[Note]:
        return self.noted.get(self._source.run_id, ())

    def _line(self, line: Row) -> tuple[Row, list[Row]]:
        part = line["part"]
        path = self._source.scored(part)
        sha256, erasures = self._prove(path, "scored", part, line["scored_sha256"])
        erased = sum(note.rows for note in erasures)
        line = {**line, "scored_sha256": sha256, "rows_erased": line["rows_erased"] + erased}
        # Nobody reads the input here; but the ledger has to say what became of it.
        if any((note.kind, note.part) == ("input", part) for note in self._notes):
            path = self._source.input(part)
            line["input_sha256"], others = self._prove(path, "input", part, line["input_sha256"])
            erasures += others
        where = {"run_id": self.run["run_id"], "part": part}
        return line, [
            {**where, "kind": note.kind, "sha256": note.before, "sha256_next": note.after}
            for note in erasures
        ]

    def _prove(self, path: str, kind: str, part: int, sha256: str) -> tuple[str, tuple[Note, ...]]:
        """The digest that a file has, and the erasures that rewrote it since it had the given one."""
        actual = self._digest(path)
        if actual is None:
            raise PartError(f"{self.name}: {path} is missing from {self.store}. Score that date again.")
        erasures = erasures_between(self._notes, kind, part, sha256, actual)
        if erasures is None:
            raise PartError(
                f"{self.name}: {path} in {self.store} is not what was published: SHA-256 {actual}, expected {sha256}. "
                "Restore it from a copy of the store, or score that date again."
            )
        return actual, erasures

    def _digest(self, path: str) -> str | None:
        try:
            return hashlib.sha256(files.fetch(self.store, path)).hexdigest()
        except FileNotFoundError:
            return None
