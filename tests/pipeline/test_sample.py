"""The sample warehouse holds the real flights, at the right instants, whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from pipeline import sample, warehouse
from pipeline.embedded import Embedded
from pipeline.sample import SampleError
from pipeline.warehouse import WarehouseError

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}

# Loads the sample, says so after its first rows, and then waits to be killed.
KILLED = """
import sys
from pipeline import sample
def stop(table, rows):
    if table == "flights":
        print("loading", flush=True)
        sys.stdin.read()
sample.load(sys.argv[1], stop)
"""


def query(uri: str, text: str, **values: Any) -> list[Any]:
    """Rows of one query."""
    with warehouse.engine(uri).begin() as connection:
        result = connection.execute(sa.text(text), values)
        return list(result.all()) if result.returns_rows else []


@pytest.fixture
def empty(server: Embedded, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database."""
    name = f"sample_{abs(hash(request.node.name)) % 10**9}"
    with (
        warehouse.engine(server.uri("postgres"))
        .connect()
        .execution_options(isolation_level="AUTOCOMMIT") as session
    ):
        session.execute(sa.text(f"CREATE DATABASE {name}"))
        yield server.uri(name)
        session.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_every_row_of_the_package_is_there(sample_warehouse: str) -> None:
    assert sample.load(sample_warehouse) == COUNTS
    for table, count in COUNTS.items():
        assert query(sample_warehouse, f"SELECT count(*) FROM warehouse.{table}") == [(count,)]


def test_a_load_that_is_killed_leaves_nothing_and_the_next_one_is_whole(empty: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, empty],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "loading\n"
    child.kill()
    child.wait()
    assert query(empty, "SELECT to_regclass('warehouse.airlines')") == [(None,)]
    assert sample.load(empty) == COUNTS
    query(empty, "DELETE FROM warehouse.weather WHERE origin = 'EWR'")
    assert sample.load(empty) == COUNTS
    assert query(empty, "SELECT count(*) FROM warehouse.weather") == [(COUNTS["weather"],)]


def test_tables_that_the_sample_did_not_make_are_not_replaced(empty: str) -> None:
    query(empty, "CREATE SCHEMA warehouse")
    query(empty, "CREATE TABLE warehouse.flights AS SELECT 'precious' AS cargo")
    with pytest.raises(
        WarehouseError, match="holds tables that the sample did not make, and the sample would replace them"
    ):
        sample.load(empty)
    assert query(empty, "SELECT cargo FROM warehouse.flights") == [("precious",)]


def test_a_package_without_its_files_is_named(tmp_path: Path) -> None:
    with pytest.raises((SampleError, FileNotFoundError), match="airports"):
        sample.read(tmp_path, "airports")


def test_scheduled_times_are_the_instants_that_the_package_gives(sample_warehouse: str) -> None:
    published = pd.read_csv(
        sample.source() / "flights.csv.zip", usecols=["time_hour", "carrier", "flight", "minute"]
    )
    hours = pd.to_datetime(published["time_hour"]) + pd.to_timedelta(published["minute"], unit="min")
    expected = pd.DataFrame({"at": hours, "flight": published["carrier"] + published["flight"].astype(str)})
    text = "SELECT scheduled_at AS at, carrier || flight AS flight FROM warehouse.flights"
    with warehouse.stream(sample_warehouse, text, {}, "test") as reader:
        found = reader.read_all().to_pandas()
    key = ["at", "flight"]
    found, expected = (rows.sort_values(key, ignore_index=True) for rows in (found, expected))
    assert (found["at"].dt.as_unit("us") == expected["at"].dt.as_unit("us")).all()
    assert (found["flight"] == expected["flight"]).all()


def test_flight_ids_are_unique_within_their_day(sample_warehouse: str) -> None:
    text = "SELECT count(*), count(DISTINCT (flight_date, flight_id)) FROM warehouse.flights"
    assert query(sample_warehouse, text) == [(COUNTS["flights"], COUNTS["flights"])]


def test_departures_and_arrivals_are_as_late_as_published(sample_warehouse: str) -> None:
    text = """
    SELECT count(*) FROM warehouse.flights
    WHERE departed_at - scheduled_at <> dep_delay * INTERVAL '1 minute'
       OR arrived_at - due_at <> arr_delay * INTERVAL '1 minute'
       OR due_at <= scheduled_at OR due_at > scheduled_at + INTERVAL '24 hours'
       OR (departed_at IS NULL) <> (dep_delay IS NULL)
    """
    assert query(sample_warehouse, text) == [(0,)]


def test_the_clocks_of_new_york_skip_an_hour_in_march_and_repeat_one_in_november(
    sample_warehouse: str,
) -> None:
    text = """
    SELECT count(*) FROM warehouse.weather
    WHERE origin = 'JFK' AND local_hour = CAST(:hour AS timestamp)
    """
    found = {
        hour: query(sample_warehouse, text, hour=hour)[0][0]
        for hour in ("2013-03-10 02:00", "2013-11-03 01:00")
    }
    assert found == {"2013-03-10 02:00": 0, "2013-11-03 01:00": 2}


def test_the_reader_reads_and_cannot_write(server: Embedded, sample_warehouse: str) -> None:
    reader = server.connections["warehouse"]
    assert query(reader, "SELECT count(*) FROM warehouse.airlines") == [(16,)]
    for text in (
        "DELETE FROM warehouse.airlines",
        "SET default_transaction_read_only = off; DELETE FROM warehouse.airlines",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="permission denied|read-only transaction"):
            query(reader, text)


def test_every_table_says_what_it_holds(sample_warehouse: str) -> None:
    text = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'warehouse'::regnamespace AND relkind IN ('r', 'v') AND obj_description(oid) IS NULL
    """
    assert query(sample_warehouse, text) == []


def test_columns_arrive_in_the_types_of_the_tables(sample_warehouse: str) -> None:
    with warehouse.stream(sample_warehouse, "SELECT * FROM warehouse.flights LIMIT 1", {}, "test") as reader:
        kinds = {field.name: field.type for field in reader.schema}
    assert kinds["scheduled_at"] == pa.timestamp("us", "UTC")
    assert (kinds["dep_delay"], kinds["carrier"]) == (pa.int32(), pa.string())
