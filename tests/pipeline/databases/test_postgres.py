"""pipeline/databases/postgres.py: connections are sessions of their own, and read one snapshot."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from pipeline.databases import postgres, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded
from tests.home import Home, Server

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


def read(server: Server, query: str) -> list[Any]:
    """First column of a query's rows, read as a night is."""
    uri = server.connections["warehouse"]
    with warehouse.stream(uri, Query(query, VALUES, "test.sql")) as reader:
        rows: list[Any] = reader.read_all().column(0).to_pylist()
    return rows


def test_a_type_that_is_newer_than_the_process_is_read(home: Home) -> None:
    name, uri = home.name("size"), home.server.connections["warehouse"]
    assert postgres.planned_rows(uri, Query("SELECT 1", VALUES, "test.sql")) == 1
    home.sql(f"CREATE TYPE {name} AS ENUM ('small', 'large')", "warehouse_owner")
    assert read(home.server, f"SELECT 'large'::{name}") == ["large"]


def test_connections_are_sessions_of_their_own(server: Embedded) -> None:
    uri = server.connections["predictions"]
    with postgres.connect(uri) as first, first.cursor() as cursor:
        with postgres.connect(uri) as second, second.cursor() as other:
            cursor.execute("SET application_name = 'first'")
            other.execute("SELECT current_setting('application_name')")
            assert other.fetchall() == [("",)]
        cursor.execute("SELECT current_setting('application_name')")
        assert cursor.fetchall() == [("first",)]


def test_a_query_cannot_write_even_as_the_owner(home: Home) -> None:
    table = home.table(pa.table({"x": [1]}))
    query = f"WITH gone AS (DELETE FROM {table} RETURNING x) SELECT x FROM gone"
    owner = home.server.connections["warehouse_owner"]
    with (
        pytest.raises(WarehouseError, match=r"cannot execute .* in a read-only transaction"),
        warehouse.stream(owner, Query(query, VALUES, "q.sql")) as reader,
    ):
        reader.read_all()
    assert home.sql(f"SELECT x FROM {table}", "warehouse_owner") == [{"x": 1}]


def test_a_night_is_read_from_one_snapshot(home: Home) -> None:
    table = home.table(pa.table({"x": range(200_000), "filling": ["x" * 100] * 200_000}))
    uri = home.server.connections["warehouse"]
    with warehouse.stream(uri, Query(f"SELECT x, filling FROM {table}", VALUES, "q.sql")) as reader:
        first = reader.read_next_batch().num_rows
        home.sql(f"DELETE FROM {table}", "warehouse_owner")
        assert first < 200_000
        assert first + reader.read_all().num_rows == 200_000
