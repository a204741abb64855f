"""pipeline/databases/duckdb_file.py: a file is read as it stands, in UTC, and never written."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import adbc_driver_manager.dbapi as adbc
import pytest
from adbc_driver_duckdb import driver_path

from pipeline.databases import duckdb_file, warehouse
from pipeline.databases.queries import Query, WarehouseError

VALUES = {"interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5)))}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one table."""
    path = tmp_path / "shop.duckdb"
    options = {"path": str(path)}
    with (
        adbc.connect(
            driver=driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True
        ) as session,
        session.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE shop AS SELECT 7 AS id")
    return path


def rows(file: Path, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    with warehouse.stream(f"duckdb:///{file}", Query(query, VALUES, "q.sql")) as reader:
        table: list[dict[str, Any]] = reader.read_all().to_pylist()
    return table


def test_dates_and_instants_are_typed() -> None:
    assert duckdb_file.literal(date(2024, 3, 1)) == "DATE '2024-03-01'"
    assert duckdb_file.literal(VALUES["interval_start"]) == "TIMESTAMPTZ '2024-03-01T00:00:00-05:00'"


def test_a_time_is_one_of_utc_whatever_the_machines_zone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    query = "SELECT :interval_start AS at, CAST(:interval_start AS TIMESTAMP) AS local FROM shop"
    assert rows(file, query) == [
        {"at": datetime(2024, 3, 1, 5, tzinfo=UTC), "local": datetime(2024, 3, 1, 5)}  # noqa: DTZ001
    ]


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELECT absent FROM shop", r'q\.sql: the database refused the query: .*"absent" not found'),
        ("SELECT * FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT * FROM read_csv('/nowhere/night.csv')", "No files found"),
        ("INSERT INTO shop VALUES (8) RETURNING id", "read-only"),
    ],
)
def test_what_cannot_work_is_refused(file: Path, query: str, refusal: str) -> None:
    with pytest.raises(WarehouseError, match=refusal):
        rows(file, query)
    assert rows(file, "SELECT id FROM shop") == [{"id": 7}]
