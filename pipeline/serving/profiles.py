"""What the API was asked, as counts over the bins of a night: no entity and no value is kept.

Rows are held until the next look, some seconds, and then only counted. Counts go to the database once a minute.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import ScoringError
from pipeline.model.failing import RULE
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.bins import Bins
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.serving.models.scoring import Line

log = logging.getLogger(__name__)

_SQL = statements.load("serving/profiles")
# Of each process: what comes on top, before the next look, is scored and not profiled.
_MOST_HELD = 100_000
# So often counts are written; and so long they are kept for a database that is gone.
_WRITE_SECONDS, _KEPT = 60.0, timedelta(days=2)


@dataclass
class _Day:
    """What one version of a job was asked on one day."""

    profile: Profile
    rejections: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, rows: pa.Table) -> None:
        """Count rows that got a score, with it."""
        if rows.num_rows:
            bins = self.profile.bins
            self.profile += Profile.of(bins, {name: rows[name].combine_chunks() for name in bins})


class Profiles:
    """Counts of what was asked, since they were last written."""

    def __init__(self, address: Callable[[str], str]) -> None:
        """Begin with none.

        Args:
            address: gives the database_url of a job's predictions, as the API's login.
        """
        self._address, self._written = address, 0.0
        self._lock, self._held = Lock(), deque[tuple[str, date, PinnedVersion, pa.RecordBatch, list[Line]]]()
        self._rows = 0
        self._days: dict[tuple[str, date, str], _Day] = {}
        self._bins: dict[str, Mapping[str, Bins]] = {}

    def add(
        self, job: str, day: date, pinned: PinnedVersion, accepted: pa.RecordBatch, answers: Sequence[Line]
    ) -> None:
        """Hold the rows of a request until the next look.

        Args:
            job: of which they were asked.
            day: today, in its time zone.
            pinned: the version that answered.
            accepted: the rows that the contract took, in the order of their answers.
            answers: of all rows.
        """
        if self._rows + accepted.num_rows > _MOST_HELD:
            return
        self._rows += accepted.num_rows
        self._held.append((job, day, pinned, accepted, list(answers)))

    def look(self) -> None:
        """Count what is held, and write the counts where they are due."""
        self.fold()
        if time.monotonic() - self._written >= _WRITE_SECONDS:
            self.write()

    def end(self) -> None:
        """Count and write what there is."""
        self.fold()
        self.write()

    def fold(self) -> None:
        """Count what is held; the rows themselves go."""
        with self._lock:
            batches: dict[tuple[str, date, str], list[pa.RecordBatch]] = {}
            while self._held:
                job, day, pinned, accepted, answers = self._held.popleft()
                self._rows -= accepted.num_rows
                key = job, day, pinned.sha256
                if key not in self._days:
                    self._days[key] = _Day(Profile.of(self._bins_of(pinned)))
                for line in answers:
                    broken = ((each["column_name"], each["rule"]) for each in line.get("rejected", ()))
                    self._days[key].rejections.update(broken)
                batches.setdefault(key, []).append(_scored(accepted, answers))
            for key, group in batches.items():
                self._days[key].add(pa.Table.from_batches(group))

    def write(self) -> None:
        """Add the counts to their databases; those that one does not take are kept, until their day is long over."""
        self._written = time.monotonic()
        with self._lock:
            for key, of_day in list(self._days.items()):
                try:
                    with engine(self._address(key[0])).begin() as connection:
                        connection.execute(sa.text(_SQL["add"]), _values(key, of_day))
                except (sa.exc.SQLAlchemyError, LookupError) as error:
                    log.error("%s: counts of requests cannot be written: %s", key[0], type(error).__name__)
                    if datetime.now(UTC).date() - key[1] < _KEPT:
                        continue
                del self._days[key]

    def _bins_of(self, pinned: PinnedVersion) -> Mapping[str, Bins]:
        """The bins of a version; none where its reference cannot be read."""
        if pinned.sha256 not in self._bins:
            try:
                self._bins[pinned.sha256] = references.load(pinned).bins
            except (ScoringError, OSError) as error:
                log.error("%s is not profiled: %s", pinned.manifest.label, type(error).__name__)
                self._bins[pinned.sha256] = {}
        return self._bins[pinned.sha256]


def _scored(accepted: pa.RecordBatch, answers: Sequence[Line]) -> pa.RecordBatch:
    """The rows that got a score, with it."""
    of_model = [line for line in answers if "score" in line or _by_model(line)]
    rows = accepted.filter(pa.array(["score" in line for line in of_model], pa.bool_()))
    scores = pa.array([line["score"] for line in of_model if "score" in line], pa.float64())
    return pa.RecordBatch.from_arrays([*rows.columns, scores], names=[*rows.schema.names, SCORE])


def _by_model(line: Line) -> bool:
    """Whether the contract had accepted a row on which the model failed."""
    return any(each["rule"] == RULE for each in line["rejected"])


def _values(key: tuple[str, date, str], day: _Day) -> dict[str, Any]:
    bins = [
        (name, place, label.replace("\0", "\\x00"), count)
        for name, counts in day.profile.counts.items()
        for place, (label, count) in enumerate(
            zip(day.profile.bins[name].labels, counts.tolist(), strict=True)
        )
    ]
    broken = [(column, rule, rows) for (column, rule), rows in sorted(day.rejections.items())]
    named = dict(
        zip(("columns", "bins", "labels", "counts"), map(list, zip(*bins, strict=True)), strict=False)
    )
    rules = dict(zip(("broken", "rules", "rows"), map(list, zip(*broken, strict=True)), strict=False))
    empty: dict[str, list[Any]] = {
        name: [] for name in ("columns", "bins", "labels", "counts", "broken", "rules", "rows")
    }
    return {"job": key[0], "day": key[1], "model": key[2], **empty, **named, **rules}
