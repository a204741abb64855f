"""A database of its own, whose chain of decisions is made and altered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.embedded.server import Embedded
from pipeline.inspection.chain import Verification, verify, walk
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.ledger import LedgerError

DAY = date(2024, 3, 1)
BEGIN = """
INSERT INTO scoring.scoring_runs (job, score_date, trigger, triggered_by, dry_run, interval_start, interval_end,
    idempotency_key, model_name, model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions,
    parts, rows_extracted, rows_rejected, rows_scored)
VALUES (:job, '2024-03-01', 'one', 'ünal, "u"', false, '2024-03-01 05:00Z', '2024-03-02 05:00Z',
        CAST(gen_random_uuid() AS text), 'shop', 1, 'm',
        'c', 'q', 'j', '{"numpy": "2.0", "b": [1.50, null]}', 1, 1, 0, 1)
RETURNING run_id
"""
PART = """
INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_scored, input_sha256, scored_sha256)
VALUES (:run, 0, 1, 0, 1, 'i', 's')
"""
ROW = "INSERT INTO scoring.prediction_rows VALUES ('2024-03-01', :run, 0, 'e', 0.5)"
HOLD = "UPDATE scoring.scoring_runs SET status = 'held', findings = CAST(:found AS jsonb) WHERE run_id = :run"
FOUND = json.dumps([{"check": "min_rows", "action": "hold", "message": "zu wenige, 5 %: ünüblich"}])


class Base:
    """A database of its own, whose chain is made and altered."""

    def __init__(self, server: Embedded, name: str) -> None:
        """Address it as each role."""
        self.owner = server.uri(name)
        self.pipeline, self.approver, self.janitor, self.analyst = (
            server.uri(name, role) for role in ("scoring_pipeline", "approver", "janitor", "analyst")
        )

    def sql(self, statement: str, url: str = "", **values: Any) -> list[Any]:
        """Rows of a statement, as the owner unless told otherwise."""
        with postgres.engine(url or self.owner).begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    @contextmanager
    def altered(self, *statements: str) -> Iterator[sa.Connection]:
        """What a superuser sees after doing what every guard refuses; undone afterwards."""
        with postgres.engine(self.owner).connect() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(sa.text(statement))
            connection.execute(sa.text("SET LOCAL session_replication_role = origin"))
            yield connection
            connection.rollback()

    def run(self, job: str = "job", held: bool = False) -> int:
        """A run that can be published, or that is held."""
        self.sql("SELECT scoring.ensure_partition('2024-03-01')", self.pipeline)
        run = int(self.sql(BEGIN, self.pipeline, job=job)[0][0])
        self.sql(PART, self.pipeline, run=run)
        with postgres.engine(self.pipeline).begin() as connection:
            connection.execute(sa.text("SELECT scoring.write_as(:run)"), {"run": run})
            connection.execute(sa.text(ROW), {"run": run})
        if held:
            self.sql(HOLD, self.pipeline, run=run, found=FOUND)
        return run

    def publish(self, job: str = "job") -> None:
        """Publish a run."""
        run = self.run(job)
        assert self.sql("SELECT (scoring.publish(:run)).outcome", self.pipeline, run=run) == [("published",)]

    def approve(self, job: str = "job") -> None:
        """Approve a held one."""
        decide(self.approver, self.run(job, held=True), approve=True, by="ada", reason="seen\n5:x,-")

    def reject(self, job: str = "job") -> None:
        """Reject a held one."""
        decide(self.approver, self.run(job, held=True), approve=False, by="bob", reason="wrong")

    def back(self, job: str = "job") -> None:
        """Roll back, where there is something to roll back to."""
        with suppress(LedgerError):
            roll_back(self.approver, job, DAY, by="ada", reason="worse")

    def erase(self, job: str = "job") -> None:
        """The receipt of an erasure that found nothing."""
        statement = "SELECT scoring.erase(:job, 'nobody', '{}', '{}', '{}', '{}', 'cleo', 'asked for')"
        self.sql(statement, self.janitor, job=job)

    def first_violation(self, statement: str) -> str:
        """The first violation after doing what every guard refuses; no entry of the chain is one."""
        with self.altered(statement) as connection:
            verification = walk(connection)
        assert verification.entries == 7
        return verification.violations[0]

    def verify(self, head: str | None = None) -> Verification:
        """Walk the chain as the pipeline's role."""
        return verify(self.pipeline, head)
