"""pipeline/databases/postgres.py: connections are sessions of their own, and read one snapshot."""

import os
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

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


def session_of(uri: str) -> int:
    """The server's process that answers."""
    with postgres.engine(uri).begin() as connection:
        return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())


def test_the_next_transaction_has_the_session_of_the_last_one(server: Embedded) -> None:
    uri = server.connections["predictions"]
    first = session_of(uri)
    assert session_of(uri) == first
    with postgres.engine(uri).begin():
        assert session_of(uri) != first


def test_no_setting_of_a_transaction_is_left_in_its_session(server: Embedded) -> None:
    uri = server.connections["predictions"]
    with postgres.engine(uri).begin() as connection:
        connection.execute(sa.text("SET LOCAL work_mem = '123MB'"))
    with postgres.engine(uri).begin() as connection:
        assert connection.execute(sa.text("SELECT current_setting('work_mem')")).scalar_one() != "123MB"


def test_a_session_that_was_ended_is_replaced(server: Embedded) -> None:
    uri = server.connections["predictions"]
    ended = session_of(uri)
    with psycopg.connect(server.uri("predictions")) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s)", (ended,))
    assert session_of(uri) != ended


def test_a_process_that_is_forked_has_a_session_of_its_own(server: Embedded) -> None:
    uri = server.connections["predictions"]
    own = session_of(uri)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(session_of(uri)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert int(answer.read()) != own
    assert os.waitpid(child, 0)[1] == 0
    assert session_of(uri) == own
