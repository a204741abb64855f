"""The sample's queries: what is known at 02:00, and what became of it."""

from datetime import date
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pytest

from pipeline import warehouse

ROOT = Path(__file__).resolve().parents[2]
FEATURES = (ROOT / "sql" / "flight_delay" / "features.sql").read_text()
OUTCOMES = (ROOT / "sql" / "flight_delay" / "outcomes.sql").read_text()

SPRING, SUMMER, AUTUMN, LAST = date(2013, 3, 10), date(2013, 7, 2), date(2013, 11, 3), date(2013, 12, 31)
NIGHTS = [date(2013, 1, 1), SPRING, SUMMER, AUTUMN, LAST]

CUTOFF = "((CAST(:score_date AS date) + TIME '02:00') AT TIME ZONE 'America/New_York')"

# Everything that became known after 02:00 of the score date, turned into something else; of five weeks before it and
# one after, since changing the whole year takes minutes.
LATER = [
    f"""UPDATE warehouse.flights SET dep_delay = 999, dep_time = 1, arr_delay = 999, arr_time = 1, air_time = 1
        WHERE (coalesce(departed_at, scheduled_at) >= {CUTOFF} OR departed_at IS NULL AND flight_date >= :score_date)
          AND flight_date BETWEEN :score_date - 35 AND :score_date + 7""",
    f"""UPDATE warehouse.flights SET arr_delay = -999, arr_time = 2, air_time = 2
        WHERE arrived_at >= {CUTOFF} AND flight_date BETWEEN :score_date - 35 AND :score_date + 7""",
    f"""UPDATE warehouse.weather SET temp = -99, humid = 1, pressure = 1, wind_speed = 999, precip = 99, visib = 0
        WHERE observed_at + INTERVAL '1 hour' > {CUTOFF}""",
]
# And some of what was known before.
EARLIER = [
    f"""UPDATE warehouse.flights SET dep_delay = dep_delay + 5
        WHERE departed_at < {CUTOFF} - INTERVAL '3 hours' AND flight_date >= :score_date - 35""",
    f"UPDATE warehouse.weather SET temp = temp + 1 WHERE observed_at + INTERVAL '1 hour' <= {CUTOFF}",
]


def run(cursor: adbc.Cursor, text: str, night: date) -> pa.Table:
    """Rows of a query in an open transaction."""
    cursor.execute(warehouse.render(text, {"score_date": night}, "test"))
    return cursor.fetch_arrow_table()


def changed(uri: str, night: date, changes: list[str]) -> tuple[pa.Table, pa.Table]:
    """A night's features before and after changes to the warehouse, which are rolled back."""
    with adbc.connect(uri) as session, session.cursor() as cursor:
        before = run(cursor, FEATURES, night)
        for change in changes:
            cursor.execute(warehouse.render(change, {"score_date": night}, "test"))
        after = run(cursor, FEATURES, night)
        session.rollback()
    return before, after


@pytest.mark.parametrize("night", NIGHTS)
def test_nothing_that_became_known_after_two_o_clock_is_used(sample_warehouse: str, night: date) -> None:
    before, after = changed(sample_warehouse, night, LATER)
    assert before.num_rows > 700
    assert after.equals(before)


def test_what_was_known_before_is_used(sample_warehouse: str) -> None:
    before, after = changed(sample_warehouse, SUMMER, EARLIER)
    moved = {name for name in before.column_names if not before[name].equals(after[name])}
    assert {"temp", "origin_delay_yesterday", "carrier_delay_yesterday", "flight_delay_28d"} <= moved
    assert "distance" not in moved


@pytest.mark.parametrize("night", NIGHTS)
def test_every_flight_of_the_day_comes_once_and_has_an_outcome(sample_warehouse: str, night: date) -> None:
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        features, outcomes = run(cursor, FEATURES, night), run(cursor, OUTCOMES, night)
        scheduled = run(
            cursor, "SELECT flight_id FROM warehouse.flights WHERE flight_date = :score_date", night
        )
    entities = features["entity_id"].to_pylist()
    assert len(set(entities)) == len(entities) == scheduled.num_rows
    assert set(entities) == set(scheduled["flight_id"].to_pylist())
    assert outcomes["entity_id"].to_pylist() == entities


def test_cancelled_and_diverted_flights_are_neither_late_nor_on_time(sample_warehouse: str) -> None:
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        outcomes = run(cursor, OUTCOMES, SUMMER).to_pylist()
    assert {row["status"] for row in outcomes} == {"arrived", "cancelled", "diverted"}
    assert all((row["late"] is None) == (row["status"] != "arrived") for row in outcomes)


def test_a_night_without_weather_has_null_weather(sample_warehouse: str) -> None:
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        features = run(cursor, FEATURES, LAST)
    assert features["temp"].null_count == features.num_rows


def test_the_same_night_gives_the_same_bytes(sample_warehouse: str) -> None:
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        first, second = run(cursor, FEATURES, SUMMER), run(cursor, FEATURES, SUMMER)
    assert first.equals(second)
