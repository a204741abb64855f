"""pipeline/databases/postgres_errors.py: a refusal is the query's, and all else is worth another try."""

import errno
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import adbc_driver_manager.dbapi as adbc
import adbc_driver_postgresql.dbapi as adbc_postgres
import pytest

from pipeline.databases import warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded
from pipeline.errors import ScoringError
from tests.home import SUPERUSER, Home

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


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


@pytest.mark.parametrize("column", ["ROW(1, 2)", "ARRAY[ROW(1, 2)]", "interval 'infinity'"])
def test_the_remedy_for_what_cannot_be_read_helps(server: Embedded, column: str) -> None:
    query = f"SELECT 'one' AS entity_id, ({column})::text AS column"
    with warehouse.stream(server.connections["warehouse"], Query(query, VALUES, "q.sql")) as reader:
        assert reader.read_all().num_rows == 1


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
