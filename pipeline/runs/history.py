"""What the ledger knows of runs, for people to read."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.runs.ledger import LedgerError

_SQL = statements.load("runs/history")
_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"
# What is shown beside a run's row.
_DETAILS = {
    "ledger": _SQL["ledger"],
    "metrics": _SQL["metrics"],
    "features": _SQL["features"],
    "outcomes": _SQL["outcomes"],
    "rejected": _SQL["rejected"],
}


def runs(database_url: str, job: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest runs first, each as a row of `scoring_runs`."""
    with engine(database_url).connect() as connection:
        return [
            dict(row)
            for row in connection.execute(sa.text(_SQL["runs"]), {"job": job, "limit": limit}).mappings()
        ]


def published(database_url: str, job: str, first: date, last: date) -> dict[date, int]:
    """The score dates of a range for which a run is published that is no fallback's: score date -> run."""
    values = {"job": job, "first": first, "last": last}
    with engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["published"]), values)
        return {row.score_date: row.run_id for row in rows}


def triggered(database_url: str, job: str, score_date: date, trigger: str) -> dict[str, Any]:
    """Number and counts of the newest run of a trigger; empty where it began none."""
    values = {"job": job, "score_date": score_date, "trigger": trigger}
    with engine(database_url).connect() as connection:
        row = connection.execute(sa.text(_SQL["triggered"]), values).mappings().one_or_none()
        return dict(row) if row else {}


def show(database_url: str, run_id: int) -> dict[str, Any]:
    """All that the database knows of one run: its row, its parts, its metrics and the rules that rejected rows.

    Raises:
        LedgerError: there is no such run.
    """
    with engine(database_url).connect() as connection:
        row = connection.execute(sa.text(_RUN), {"run_id": run_id}).mappings().one_or_none()
        if row is None:
            raise LedgerError(f"no run {run_id}. `scoring runs` lists them.")
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
    queries = _DETAILS | ({"rejected": _SQL["rejections"]} if analyst else {})
    return {name: _rows(connection, query, run_id) for name, query in queries.items()}


def _rows(connection: sa.Connection, query: str, run_id: int) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(query), {"run_id": run_id}).mappings()]
