"""What the ledger knows of runs, for people to read."""

from typing import Any

import sqlalchemy as sa

from pipeline.databases.postgres import engine
from pipeline.runs.ledger import LedgerError


def runs(uri: str, job: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest runs first, each as a row of `scoring_runs`."""
    with engine(uri).connect() as connection:
        return [
            dict(row) for row in connection.execute(sa.text(_RUNS), {"job": job, "limit": limit}).mappings()
        ]


def show(uri: str, run_id: int) -> dict[str, Any]:
    """All that the database knows of one run: its row, its parts, its metrics and the rules that rejected rows.

    Raises:
        LedgerError: there is no such run.
    """
    with engine(uri).connect() as connection:
        row = connection.execute(sa.text(_RUN), {"run_id": run_id}).mappings().one_or_none()
        if row is None:
            raise LedgerError(f"no run {run_id}. `python -m pipeline runs` lists them.")
        return {**row, **details(connection, run_id)}


def details(
    connection: sa.Connection, run_id: int, *, analyst: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """What is recorded of a run beside its row: its parts, its metrics and the rules that rejected rows.

    Args:
        connection: to the predictions database.
        run_id: the run.
        analyst: whether the connection's role reads the view of rejections, and not the table.
    """
    queries = _DETAILS | ({"rejected": _REJECTIONS} if analyst else {})
    return {name: _rows(connection, query, run_id) for name, query in queries.items()}


def _rows(connection: sa.Connection, query: str, run_id: int) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(query), {"run_id": run_id}).mappings()]


_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"


_RUNS = """
SELECT * FROM scoring.scoring_runs WHERE CAST(:job AS text) IS NULL OR job = :job ORDER BY run_id DESC LIMIT :limit
"""


_DETAILS = {
    "ledger": """
        SELECT part, rows_extracted, rows_rejected, rows_scored, rows_erased, input_sha256, scored_sha256, written_at
        FROM scoring.run_parts WHERE run_id = :run_id ORDER BY part""",
    "metrics": "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id ORDER BY metric",
    "features": """
        SELECT feature, metric, value FROM scoring.feature_metrics WHERE run_id = :run_id ORDER BY feature, metric""",
    "outcomes": """
        SELECT metric, value FROM scoring.outcome_metrics
        WHERE run_id = :run_id AND slice_column = '' ORDER BY metric""",
    "rejected": """
        SELECT column_name, rule, count(*) AS rows FROM scoring.rejected_rows WHERE run_id = :run_id
        GROUP BY column_name, rule ORDER BY rows DESC, column_name, rule""",
}


_REJECTIONS = """
SELECT column_name, rule, count(*) AS rows FROM scoring.rejections WHERE run_id = :run_id
GROUP BY column_name, rule ORDER BY rows DESC, column_name, rule
"""
