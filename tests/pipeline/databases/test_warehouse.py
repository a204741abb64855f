"""A query gets its values and nothing else, and a failure says whether to try again."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import adbc_driver_manager.dbapi as adbc
import adbc_driver_postgresql.dbapi as adbc_postgres
import pyarrow as pa
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded
from pipeline.errors import ScoringError
from tests.home import SUPERUSER, Home, Server

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


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT :score_date", date(2024, 3, 1)),
        ("SELECT :score_date - 7", date(2024, 2, 23)),
        ("SELECT :score_date - DATE '2024-01-01'", 60),
        ("SELECT :score_date::text", "2024-03-01"),
        ("SELECT :score_date::timestamp::date - 1", date(2024, 2, 29)),
        ("SELECT :interval_start", datetime(2024, 3, 1, 5, tzinfo=UTC)),
        ("SELECT :interval_start + interval '1 day' = :interval_end", True),
        ("SELECT pg_typeof(:interval_end)::text", "timestamp with time zone"),
        ("SELECT '5%'::text", "5%"),
        ("SELECT 'under' LIKE 'un%er'", True),
        ("SELECT 7 % 4", 3),
        ("SELECT '%s %(score_date)s %%'::text", "%s %(score_date)s %%"),
        ("SELECT '42'::integer", 42),
        ("SELECT '23:59'::text", "23:59"),
        (r"SELECT '\:score_date'::text", ":score_date"),
        ("SELECT (ARRAY[1, 2, 3])[2:3]", [2, 3]),
        ("-- what is it's worth?\nSELECT 1", 1),
        ("-- rows of :score_date\nSELECT 1", 1),
        ("/* first; then */ SELECT 1", 1),
        ("SELECT 1;", 1),
        ("SELECT 1 ;\n\n", 1),
        ("SELECT 1 -- the end", 1),
        ("SELECT 1; -- the end", 1),
        ("SELECT 1;\n-- the end\n-- of it;\n", 1),
        ("SELECT ';'::text", ";"),
        (f"-- first; {'-' * 60}\nSELECT 1", 1),
        ("WITH days AS (SELECT :score_date AS day) SELECT day FROM days", date(2024, 3, 1)),
    ],
)
def test_a_query_gets_its_values(server: Embedded, query: str, value: Any) -> None:
    assert read(server, query) == [value]


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


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELEC 1", 'q.sql: the database refused the query: syntax error at or near "SELEC"'),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT nothing FROM pg_class", 'column "nothing" does not exist'),
        ("SELECT * FROM pg_authid", "permission denied for table pg_authid"),
        ("SELECT nextval('nothing')", 'relation "nothing" does not exist'),
        ("SELECT 1; DROP TABLE pg_class", "cannot insert multiple commands"),
        ("SELECT 'a'::integer", "invalid input syntax for type integer"),
        # What the driver refuses has no SQLSTATE.
        ("SELECT ROW(1, 2) AS pair", r"row 0 cannot be read: .* as text: column::text AS column"),
        ("SELECT ARRAY[ROW(1, 2)] AS pairs", r"row 0 cannot be read: .* as text: column::text AS column"),
        ("SELECT interval 'infinity' AS span", r"row 0 cannot be read: .* as text: column::text AS column"),
        ("COPY (SELECT 1) TO STDOUT", "the database has no rows to give for it. Write one SELECT"),
        ("-- nothing", "there is no query in it"),
    ],
)
def test_a_refused_query_says_why(server: Embedded, query: str, refusal: str) -> None:
    with (
        pytest.raises(WarehouseError, match=refusal),
        warehouse.stream(server.connections["warehouse"], Query(query, VALUES, "q.sql")) as reader,
    ):
        reader.read_all()


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELECT absent FROM sqlite_master", "no such column: absent"),
        ("SELECT absent(1)", "no such function: absent"),
        ("/* nothing */", "there is no query in it"),
        ("PRAGMA user_version = 7", "the database has no rows to give for it. Write one SELECT"),
    ],
)
def test_a_driver_without_kinds_of_errors_refuses_all_the_same(
    tmp_path: Path, query: str, refusal: str
) -> None:
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    with (
        pytest.raises(WarehouseError, match=refusal),
        warehouse.stream(f"sqlite+pysqlite:///{file}", Query(query, VALUES, "q.sql")) as reader,
    ):
        reader.read_all()


def test_a_database_that_is_locked_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE shop (id)")
        other.execute("BEGIN EXCLUSIVE")
        address = f"sqlite+pysqlite:///{file}?timeout=0.1"
        with (
            pytest.raises(sa.exc.OperationalError, match="locked"),
            warehouse.stream(address, Query("SELECT id FROM shop", VALUES, "q.sql")),
        ):
            pass


@pytest.mark.parametrize("column", ["ROW(1, 2)", "ARRAY[ROW(1, 2)]", "interval 'infinity'"])
def test_the_remedy_for_what_cannot_be_read_helps(server: Embedded, column: str) -> None:
    query = f"SELECT 'one' AS entity_id, ({column})::text AS column"
    with warehouse.stream(server.connections["warehouse"], Query(query, VALUES, "q.sql")) as reader:
        assert reader.read_all().num_rows == 1


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


KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE '%' || :mark || '%' AND pid <> pg_backend_pid()
"""
MANY = "SELECT repeat('x', 100) AS filling, 1 / (900000 - number) AS ratio FROM generate_series(1, 1000000) AS number"


def drain(uri: str, query: str, after_first: Callable[[], Any] = lambda: None) -> None:
    """Read one batch, do something, and read the others."""
    with warehouse.stream(uri, Query(query, VALUES, "q.sql")) as reader:
        assert reader.read_next_batch().num_rows
        after_first()
        reader.read_all()


def test_an_error_in_mid_stream_is_the_querys(server: Embedded) -> None:
    with pytest.raises(WarehouseError, match=r"q\.sql: the database refused the query: division by zero"):
        drain(server.connections["warehouse"], MANY)


def test_a_connection_lost_in_mid_stream_is_worth_a_retry(home: Home) -> None:
    mark = home.name("lost")
    endless = f"{MANY.replace('900000', '0')} -- {mark}"
    killed = []

    def kill() -> None:
        killed.extend(home.sql(KILL, SUPERUSER, mark=mark))

    with pytest.raises(
        (adbc.Error, OSError), match="terminating connection|connection to server was lost|closed"
    ) as lost:
        drain(home.server.connections["warehouse"], endless, kill)
    assert len(killed) == 1
    assert not isinstance(lost.value, ScoringError)


def fill_disk(_: Home) -> None:
    raise OSError(errno.ENOSPC, "no space left")


def write_elsewhere(home: Home) -> None:
    with adbc_postgres.connect(home.server.connections["analyst"]) as session, session.cursor() as cursor:
        cursor.execute("DELETE FROM scoring.current_runs")


@pytest.mark.parametrize(
    ("fail", "error", "message"),
    [
        (fill_disk, OSError, "no space left"),
        (write_elsewhere, adbc.Error, "permission denied for table current_runs"),
    ],
)
def test_an_error_of_whoever_reads_is_not_the_querys(
    home: Home, fail: Callable[[Home], None], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        drain(home.server.connections["warehouse"], "SELECT 1", partial(fail, home))


def test_a_night_is_read_from_one_snapshot(home: Home) -> None:
    table = home.table(pa.table({"x": range(200_000), "filling": ["x" * 100] * 200_000}))
    uri = home.server.connections["warehouse"]
    with warehouse.stream(uri, Query(f"SELECT x, filling FROM {table}", VALUES, "q.sql")) as reader:
        first = reader.read_next_batch().num_rows
        home.sql(f"DELETE FROM {table}", "warehouse_owner")
        assert first < 200_000
        assert first + reader.read_all().num_rows == 200_000


# Addresses


# Files
