"""pipeline/verify.py: whatever is altered in the chain, in a run, its ledger or the pointer is named."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import postgres
from pipeline.decisions import decide, roll_back
from pipeline.embedded import Embedded
from pipeline.errors import UsageError
from pipeline.migrate import migrate
from pipeline.verify import Verification, verify

OWNER = "scoring_pipeline"
BEGIN = """
INSERT INTO scoring.scoring_runs (job, score_date, trigger, triggered_by, dry_run, interval_start, interval_end,
    idempotency_key, model_name, model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions,
    parts, rows_extracted, rows_rejected, rows_scored)
VALUES (:job, '2024-03-01', 'one', 'ünal, "u"', false, '2024-03-01 05:00Z', '2024-03-02 05:00Z', :key, 'shop', 1, 'm',
        'c', 'q', 'j', '{"numpy": "2.0", "b": [1.50, null]}', 1, 1, 0, 1)
RETURNING run_id
"""
PART = """
INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_scored, input_sha256, scored_sha256)
VALUES (:run, 0, 1, 0, 1, 'i', 's')
"""


class Base:
    """A database of its own, whose chain is made and altered."""

    def __init__(self, server: Embedded, name: str) -> None:
        """Address it as three roles."""
        self.owner = server.uri(name)
        self.pipeline, self.approver, self.janitor = (
            server.uri(name, role) for role in ("scoring_pipeline", "approver", "janitor")
        )

    def sql(self, statement: str, url: str = "", **values: Any) -> list[Any]:
        """Run a statement, as the owner unless told otherwise."""
        with postgres.engine(url or self.owner).begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def alter(self, statement: str, **values: Any) -> None:
        """Do as a superuser what every guard refuses."""
        with postgres.engine(self.owner).begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            assert connection.execute(sa.text(statement), values).rowcount

    def run(self, job: str = "job", held: bool = False) -> int:
        """A run that can be published, or that is held."""
        run = int(self.sql(BEGIN, self.pipeline, job=job, key=f"key {job}")[0].run_id)
        self.sql(PART, self.pipeline, run=run)
        if held:
            finding = json.dumps([{"check": "min_rows", "action": "hold", "message": "zu wenige, 5 %"}])
            update = "UPDATE scoring.scoring_runs SET status = 'held', status_reason = 'few', findings = CAST(:found AS jsonb)"
            self.sql(f"{update} WHERE run_id = :run", self.pipeline, run=run, found=finding)
        return run

    def publish(self, job: str = "job") -> int:
        """A published run."""
        run = self.run(job)
        assert self.sql("SELECT outcome FROM scoring.publish(:run)", self.pipeline, run=run)[0].outcome == "published"
        return run

    def approve(self, job: str = "job") -> int:
        """An approved one."""
        run = self.run(job, held=True)
        decide(self.approver, run, approve=True, by="ada", reason="seen\n5:x,")
        return run

    def reject(self, job: str = "job") -> int:
        """A rejected one."""
        run = self.run(job, held=True)
        decide(self.approver, run, approve=False, by="bob", reason="wrong")
        return run

    def erase(self, job: str = "job") -> None:
        """The receipt of an erasure that found nothing."""
        statement = "SELECT scoring.erase(:job, 'nobody', '{}', '{}', '{}', '{}', 'cleo', 'asked for')"
        self.sql(statement, self.janitor, job=job)

    def verify(self, head: str | None = None) -> Verification:
        """Walk the chain as the pipeline's role."""
        return verify(self.pipeline, head)


@contextmanager
def made(server: Embedded, template: str = "") -> Iterator[Base]:
    """A database with the schema, or a copy of another one; gone afterwards."""
    name = "copied" if template else "chained"
    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        try:
            base = Base(server, name)
            if not template:
                migrate(base.owner)
            yield base
        finally:
            for url in (base.owner, base.pipeline, base.approver, base.janitor):
                postgres.engine(url).dispose()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def chained(server: Embedded) -> Iterator[Base]:
    """Seven entries: of every kind, and of two jobs."""
    with made(server) as base:
        base.publish()
        base.publish()
        base.approve()
        base.reject()
        roll_back(base.approver, "job", sa.func.date("2024-03-01") and _DAY, by="ada", reason="worse")
        base.erase()
        base.publish("other")
        yield base


@pytest.fixture
def chain(chained: Base, server: Embedded) -> Iterator[Base]:
    """A copy of it, to be altered."""
    for url in (chained.owner, chained.pipeline, chained.approver, chained.janitor):
        postgres.engine(url).dispose()
    with made(server, "chained") as base:
        yield base
