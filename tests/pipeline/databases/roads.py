"""Every road by which a warehouse's rows come, and what a contract makes of them at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from tests.scenarios.test_sources import Source, on_duckdb, on_postgres, on_sqlite

VALUES = {"score_date": date(2024, 3, 1)}
POSTGRES = ("postgresql", "postgresql+psycopg2", "postgresql+psycopg")
SQLITE = ("sqlite", "sqlite+pysqlite")
ROADS = (*POSTGRES, *SQLITE, "duckdb")

OpenRoad = Callable[[str], Source]


@pytest.fixture
def open_road(server: Embedded, tmp_path: Path) -> OpenRoad:
    """Opens a road by the scheme of its URL."""

    def opened(scheme: str) -> Source:
        if scheme in POSTGRES:
            return on_postgres(server, scheme)
        return on_duckdb(tmp_path) if scheme == "duckdb" else on_sqlite(tmp_path, scheme)

    return opened


@dataclass(frozen=True)
class Checked:
    """What became of a query's rows.

    Attributes:
        accepted: entity -> its value, as the model takes it.
        rejected: entity as the database gave it -> column and rule.
    """

    accepted: dict[str, object]
    rejected: dict[str, tuple[str, str]]


def checked(source: Source, query: str, column: Column) -> Checked:
    """Check a query's rows against a contract of one column."""
    checker = Checker(Contract((column,)), day_end=datetime(2024, 3, 2, tzinfo=UTC))
    accepted: dict[str, object] = {}
    rejected: dict[str, tuple[str, str]] = {}
    with warehouse.stream(source.address, Query(query, VALUES, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        for batch in reader:
            result = checker.check(batch)
            accepted |= {row["entity_id"]: row[column.name] for row in result.accepted.to_pylist()}
            rejected |= {
                row["entity_id"]: (row["column_name"], row["rule"]) for row in result.rejected.to_pylist()
            }
    return Checked(accepted, rejected)
