"""A job with a promise, runs as the database keeps them, and looks at an instant of the test's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.punctuality.watch import Seen, look, send
from tests.home import SUPERUSER, Home
from tests.sinks import Web

JOB = """
description = "a promised job"
owner = "tests"
schedule = "{schedule}"
timezone = "{zone}"
start_date = 2020-01-01
{more}

[extract]
query = "any.sql"

[model]
name = "any"

[alerts]
to = "{to}"

[promise]
published_by = "07:00"
"""
RUN = """
INSERT INTO scoring.scoring_runs (
    job, score_date, status, status_reason, trigger, dry_run, interval_start, interval_end, code_version, job_sha256,
    library_versions, idempotency_key, model_name, model_version, model_sha256, query_sha256, rows_extracted,
    rows_scored, rows_rejected, started_at, published_at, served_by, source_run_id, staleness_days, decided_by)
VALUES (:job, :day, :status, :reason, 'test', false, :at, CAST(:at AS timestamptz) + interval '1 day',
    'c', 'j', '{}', gen_random_uuid()::text, 'any', 1, 's', 'q', 1, 1, 0, :at, :published_at, :served_by, NULL, 0,
    :decided_by)
"""


@dataclass
class Promising:
    """A job whose score dates are due at two in the night, and promised by seven."""

    home: Home
    web: Web
    schedule: str = "0 2 * * *"
    zone: str = "UTC"
    more: str = ""
    name: str = field(init=False)
    to: str = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.to = self.home.name("promised"), self.home.name("alerts")
        self.mend()

    @property
    def file(self) -> Path:
        """The job file."""
        return self.home.path / "dags" / f"{self.name}.toml"

    def mend(self) -> None:
        """Write the job file."""
        self.file.write_text(JOB.format(schedule=self.schedule, zone=self.zone, more=self.more, to=self.to))

    def look(self, at: datetime) -> Seen:
        """One look at an instant, and what waits is sent."""
        seen = self.look_only(at)
        assert send(seen.outboxes, lambda _: (self.web.url,))
        return seen

    def look_only(self, at: datetime) -> Seen:
        """The same, and nothing is sent."""
        seen = look(
            self.home.path / "dags", lambda _: self.home.server.connections["predictions_watcher"], at
        )
        assert seen.complete
        return seen

    def titles(self) -> list[str]:
        """The titles of all messages so far, without the job's name."""
        query = "SELECT title FROM scoring.alerts WHERE recipient = :to ORDER BY alert_id"
        return [row["title"].removeprefix(f"{self.name} ") for row in self.home.sql(query, to=self.to)]

    def run(
        self,
        day: date,
        status: str,
        *,
        at: datetime | None = None,
        reason: str | None = None,
        served_by: str = "model",
        decided_by: str | None = None,
    ) -> None:
        """A run as it would stand in the database."""
        self.runs([day], status, at=at, reason=reason, served_by=served_by, decided_by=decided_by)

    def runs(self, days: Sequence[date], status: str, *, at: datetime | None = None, **values: Any) -> None:
        """One run a day, begun when it is due unless told otherwise."""
        given = {"reason": None, "served_by": "model", "decided_by": None, **values}
        rows = []
        for day in days:
            begun = at or datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
            ended = begun + timedelta(minutes=5) if status == "published" else None
            rows.append(
                {"job": self.name, "day": day, "status": status, "at": begun, "published_at": ended, **given}
            )
        with postgres.engine(self.home.uri(SUPERUSER)).begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(RUN), rows)

    def change(self, day: date, old: str, new: str) -> None:
        """Give a day's run another status."""
        query = """
            UPDATE scoring.scoring_runs SET status = :new WHERE job = :job AND score_date = :day AND status = :old
        """
        with postgres.engine(self.home.uri(SUPERUSER)).begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text(query), {"job": self.name, "day": day, "old": old, "new": new})

    def status(self, day: date) -> str:
        """What the view says of a score date, as an analyst reads it."""
        query = "SELECT status FROM scoring.punctuality WHERE job = :job AND score_date = :day"
        return str(self.home.sql(query, "analyst", job=self.name, day=day)[0]["status"])
