"""The sample warehouse holds the real flights, at the right instants, whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded
from pipeline.provisioning import sample, sample_files

ROOT = Path(__file__).resolve().parents[3]
COUNTS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}

# Loads the sample, says so when the first flights are sent, and then waits to be killed.
KILLED = """
import sys
from pipeline.provisioning import sample
def stop(table, rows):
    if table == "flights":
        print("loading", flush=True)
        sys.stdin.read()
sample.load(sys.argv[1], stop)
"""

# A table that is dropped and made again, or truncated and filled again, gets another file.
TABLES = """
SELECT relname, oid, relfilenode FROM pg_class
WHERE relnamespace = 'warehouse'::regnamespace AND relkind = 'r' ORDER BY relname
"""

_numbers = count(1)


def query(uri: str, text: str, **values: Any) -> list[Any]:
    """Rows of one query."""
    with postgres.engine(uri).begin() as connection:
        result = connection.execute(sa.text(text), values)
        return list(result.all()) if result.returns_rows else []


def counts(uri: str) -> dict[str, int]:
    """The number of rows of every table of the sample, counted."""
    return {table: query(uri, f"SELECT count(*) FROM warehouse.{table}")[0][0] for table in COUNTS}


def frame(uri: str, text: str) -> pd.DataFrame:
    """Rows of one query that may be many."""
    with warehouse.stream(uri, Query(text, {}, "test")) as reader:
        rows: pd.DataFrame = reader.read_all().to_pandas()
    return rows


def kill_in_the_middle(uri: str) -> None:
    """Kill a load after it has sent whole tables and a part of the flights."""
    command = [sys.executable, "-c", KILLED, uri]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "loading\n"
        child.kill()


@pytest.fixture
def empty(server: Embedded) -> Iterator[str]:
    """An empty database."""
    name = f"sample_{next(_numbers)}"
    admin = postgres.engine(server.uri("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as session:
        session.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.uri(name)
    with admin.connect() as session:
        session.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_every_row_of_the_package_is_there(sample_warehouse: str) -> None:
    lines = {
        table: len(pd.read_csv(sample_files.source() / file, usecols=[0]))
        for table, file in sample_files.FILES.items()
    }
    assert counts(sample_warehouse) == lines == COUNTS


def test_a_second_load_changes_nothing(sample_warehouse: str) -> None:
    loaded = "SELECT table_name, loaded_at, xmin::text FROM warehouse.sample_load ORDER BY table_name"
    before = query(sample_warehouse, TABLES), query(sample_warehouse, loaded)
    sent: list[str] = []
    assert sample.load(sample_warehouse, lambda table, rows: sent.append(table)) == COUNTS
    assert sent == []
    assert (query(sample_warehouse, TABLES), query(sample_warehouse, loaded)) == before


def test_a_killed_load_leaves_what_was_there_and_the_next_one_is_whole(empty: str) -> None:
    query(empty, "CREATE SCHEMA warehouse")
    query(empty, "CREATE TABLE warehouse.notes AS SELECT 'of somebody else' AS note")
    before = query(empty, TABLES)
    kill_in_the_middle(empty)
    assert query(empty, TABLES) == before
    progress: list[tuple[str, int]] = []
    assert sample.load(empty, lambda table, rows: progress.append((table, rows))) == COUNTS
    assert dict(progress) == counts(empty) == COUNTS
    assert query(empty, "SELECT note FROM warehouse.notes") == [("of somebody else",)]

    # Rows are missing, so a load would begin anew.
    query(empty, "DELETE FROM warehouse.weather WHERE origin = 'EWR'")
    before, counted = query(empty, TABLES), counts(empty)
    kill_in_the_middle(empty)
    assert (query(empty, TABLES), counts(empty)) == (before, counted)

    # What somebody built upon the tables is not torn down.
    query(empty, "CREATE VIEW public.board AS SELECT flight_id FROM warehouse.flights")
    with pytest.raises(WarehouseError, match="cannot drop desired object.* because other objects depend"):
        sample.load(empty)
    assert (query(empty, TABLES), counts(empty)) == (before, counted)


@pytest.mark.parametrize("table", ["flights", "airlines"])
def test_tables_that_the_sample_did_not_make_are_not_replaced(empty: str, table: str) -> None:
    query(empty, "CREATE SCHEMA warehouse")
    query(empty, f"CREATE TABLE warehouse.{table} AS SELECT 'precious' AS cargo")
    with pytest.raises(
        WarehouseError, match="holds tables that the sample did not make, and the sample would replace them"
    ):
        sample.load(empty)
    assert query(empty, f"SELECT cargo FROM warehouse.{table}") == [("precious",)]


def test_every_scheduled_departure_is_the_instant_that_the_package_gives(sample_warehouse: str) -> None:
    published = pd.read_csv(sample_files.source() / "flights.csv.zip")
    # The hour is the package's own, in UTC; the loader does not read it.
    minutes = pd.to_timedelta(published["minute"], unit="min")
    expected = pd.DataFrame(
        {
            "flight_date": pd.to_datetime(published[["year", "month", "day"]]).dt.date,
            "flight_id": published["carrier"]
            + published["flight"].astype(str)
            + "-"
            + published["origin"]
            + "-"
            + published["sched_dep_time"].astype(str).str.zfill(4),
            "published": pd.to_datetime(published["time_hour"]) + minutes,
        }
    )
    flights = frame(sample_warehouse, "SELECT flight_date, flight_id, scheduled_at FROM warehouse.flights")
    both = flights.merge(expected, on=["flight_date", "flight_id"], validate="one_to_one")
    assert len(both) == COUNTS["flights"]
    assert (both["scheduled_at"] == both["published"]).all()


def test_flight_ids_are_unique_within_their_day(sample_warehouse: str) -> None:
    text = "SELECT count(*), count(DISTINCT (flight_date, flight_id)) FROM warehouse.flights"
    assert query(sample_warehouse, text) == [(COUNTS["flights"], COUNTS["flights"])]


def test_departures_and_arrivals_are_as_late_as_published(sample_warehouse: str) -> None:
    text = """
    SELECT count(*) FROM warehouse.flights
    WHERE departed_at - scheduled_at IS DISTINCT FROM dep_delay * INTERVAL '1 minute'
       OR arrived_at - due_at IS DISTINCT FROM arr_delay * INTERVAL '1 minute'
    """
    assert query(sample_warehouse, text) == [(0,)]


def test_flights_arrive_after_they_left_and_within_a_day(sample_warehouse: str) -> None:
    text = """
    SELECT count(*) FROM warehouse.flights
    WHERE due_at <= scheduled_at OR due_at > scheduled_at + INTERVAL '24 hours'
       OR arrived_at <= departed_at OR arrived_at > departed_at + INTERVAL '24 hours'
    """
    assert query(sample_warehouse, text) == [(0,)]


def test_flights_left_when_the_clocks_of_new_york_showed_the_published_time(sample_warehouse: str) -> None:
    text = """
    SELECT count(dep_time) FROM warehouse.flights
    WHERE to_char(departed_at AT TIME ZONE 'America/New_York', 'HH24MI')
        IS NOT DISTINCT FROM lpad((dep_time % 2400)::text, 4, '0')
    """
    assert query(sample_warehouse, text) == [(328521,)]


def test_flights_arrived_when_the_clocks_there_showed_the_published_time(sample_warehouse: str) -> None:
    text = """
    SELECT flight_date, flight_id, arr_time, to_char(arrived_at AT TIME ZONE dest_tzone, 'HH24MI')
    FROM warehouse.flights
    WHERE arr_delay IS NOT NULL
      AND to_char(arrived_at AT TIME ZONE dest_tzone, 'HH24MI') <> lpad((arr_time % 2400)::text, 4, '0')
    """
    # The one that is published wrong: no clock in Florida showed 02:03 in the night when they skipped that hour.
    assert query(sample_warehouse, text) == [(date(2013, 3, 9), "B635-JFK-2145", 203, "0303")]


@pytest.mark.parametrize("origin", ["EWR", "JFK", "LGA"])
@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2013, 3, 9), [*range(24)]),
        (date(2013, 3, 10), [0, 1, *range(3, 24)]),
        # The source lacks this midnight.
        (date(2013, 11, 3), [1, 1, *range(2, 24)]),
    ],
)
def test_weather_skips_an_hour_in_march_and_has_one_twice_in_november(
    sample_warehouse: str, day: date, hours: list[int], origin: str
) -> None:
    text = """
    SELECT CAST(extract(hour FROM local_hour) AS integer) FROM warehouse.weather
    WHERE origin = :origin AND CAST(local_hour AS date) = :day ORDER BY observed_at
    """
    assert [hour for (hour,) in query(sample_warehouse, text, origin=origin, day=day)] == hours


def test_the_reader_may_read_every_table(server: Embedded, sample_warehouse: str) -> None:
    assert counts(server.connections["warehouse"]) == COUNTS


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO warehouse.airlines VALUES ('ZZ', 'Nobody')",
        "UPDATE warehouse.flights SET dep_delay = 0",
        "DELETE FROM warehouse.airlines",
        "TRUNCATE warehouse.weather",
        "CREATE TABLE warehouse.mine (number integer)",
    ],
)
def test_the_reader_may_not_write(server: Embedded, sample_warehouse: str, text: str) -> None:
    reader = server.connections["warehouse"]
    with pytest.raises(sa.exc.DBAPIError, match="in a read-only transaction"):
        query(reader, text)
    # Read only is a default that the role can lift. Its missing rights are not.
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        query(reader, f"SET TRANSACTION READ WRITE; {text}")


def test_every_table_says_what_it_holds(sample_warehouse: str) -> None:
    text = """
    SELECT relname, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relnamespace = 'warehouse'::regnamespace AND relkind IN ('r', 'v')
    """
    descriptions = dict(query(sample_warehouse, text))
    assert set(descriptions) == {*COUNTS, "sample_load"}
    assert [table for table, comment in descriptions.items() if not comment] == []


def test_columns_arrive_in_the_types_of_the_tables(sample_warehouse: str) -> None:
    with warehouse.stream(
        sample_warehouse, Query("SELECT * FROM warehouse.flights LIMIT 1", {}, "test")
    ) as reader:
        kinds = {field.name: field.type for field in reader.schema}
    assert kinds["scheduled_at"] == pa.timestamp("us", "UTC")
    assert (kinds["dep_delay"], kinds["carrier"]) == (pa.int32(), pa.string())
