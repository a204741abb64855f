"""The sample's queries: what is known at 02:00, and what became of it."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.databases import postgres
from pipeline.databases.queries import Query
from pipeline.provisioning import sample_files

ROOT = Path(__file__).resolve().parents[2]
FEATURES = (ROOT / "sql" / "flight_delay" / "features.sql").read_text()
OUTCOMES = (ROOT / "sql" / "flight_delay" / "outcomes.sql").read_text()

SPRING, AUTUMN, LAST = date(2013, 3, 10), date(2013, 11, 3), date(2013, 12, 31)
# Ten flights of the day before left after 02:00, and 94 never.
SUMMER = date(2013, 6, 28)
NIGHTS = [SPRING, SUMMER, AUTUMN, LAST]

# Whether a flight had left, had arrived or was cancelled is known when it happens; a flight that had not left by
# 02:00 may still be cancelled, or leave after all. The plane that flew is left alone: the model card says that the
# source has no other.
#
# The flights of the next week are changed, and what comes later is taken away, which is far quicker.
LATER = {
    "delays and arrivals of flights that left later": """
        UPDATE warehouse.flights
        SET dep_delay = dep_delay + 777, dep_time = 1, arr_delay = 888, arr_time = 2, air_time = 3
        WHERE departed_at >= :cutoff AND flight_date <= :score_date + 7""",
    "arrivals of flights that were in the air": """
        UPDATE warehouse.flights SET arr_delay = arr_delay + 777, arr_time = 2, air_time = 3
        WHERE departed_at < :cutoff AND arrived_at >= :cutoff""",
    "flights that left later are cancelled": """
        UPDATE warehouse.flights
        SET dep_delay = NULL, dep_time = NULL, arr_delay = NULL, arr_time = NULL, air_time = NULL
        WHERE departed_at >= :cutoff AND flight_date <= :score_date + 7""",
    "flights that never left leave after all": """
        UPDATE warehouse.flights
        SET dep_delay = CAST(extract(epoch FROM greatest(:cutoff, scheduled_at) - scheduled_at) / 60 AS integer),
            dep_time = 1, arr_delay = 999, arr_time = 2, air_time = 3
        WHERE departed_at IS NULL AND flight_date BETWEEN :score_date - 35 AND :score_date + 7""",
    "flights of later weeks": "DELETE FROM warehouse.flights WHERE flight_date > :score_date + 7",
    "weather observed later": """
        UPDATE warehouse.weather
        SET temp = -99, dewp = -99, humid = 1, wind_dir = 1, wind_speed = 999, wind_gust = 999, precip = 99,
            pressure = 1, visib = 0
        WHERE observed_at + INTERVAL '1 hour' > :cutoff""",
    "weather observed later, of hours that are missing": """
        INSERT INTO warehouse.weather (origin, observed_at, temp, humid, pressure, wind_speed, precip, visib)
        SELECT origin, :cutoff + hour * INTERVAL '1 hour', -99, 1, 1, 999, 99, 0
        FROM generate_series(0, 23) AS hour CROSS JOIN (VALUES ('EWR'), ('JFK'), ('LGA')) AS origins (origin)
        ON CONFLICT DO NOTHING""",
}
# What was known, how to change it, and the features that this reaches.
MONTH = {"carrier_late_share_28d", "flight_delay_28d", "flight_late_share_28d", "hour_late_share_28d"}
YESTERDAY = {"origin_delay_yesterday", "carrier_delay_yesterday"}
WEATHER = {"temp", "humid", "pressure", "wind_speed", "precip", "visib"}
EARLIER = {
    "how late yesterday's flights left": (
        """UPDATE warehouse.flights SET dep_delay = 170
        WHERE departed_at < :cutoff - INTERVAL '3 hours' AND flight_date = :score_date - 1""",
        YESTERDAY | MONTH,
    ),
    "how late flights of 28 days ago left": (
        "UPDATE warehouse.flights SET dep_delay = 90 WHERE flight_date = :score_date - 28 AND dep_delay < 90",
        MONTH,
    ),
    "how late flights of 29 days ago left": (
        "UPDATE warehouse.flights SET dep_delay = 90 WHERE flight_date = :score_date - 29",
        set(),
    ),
    "which of yesterday's flights left": (
        "UPDATE warehouse.flights SET dep_delay = NULL WHERE flight_date = :score_date - 1 AND carrier = 'UA'",
        YESTERDAY | MONTH | {"origin_not_left_yesterday"},
    ),
    "departures a minute before two": (
        """UPDATE warehouse.flights
        SET dep_delay = CAST(extract(epoch FROM :cutoff - scheduled_at) / 60 AS integer) - 1
        WHERE departed_at >= :cutoff AND flight_date = :score_date - 1""",
        YESTERDAY | MONTH | {"origin_not_left_yesterday"},
    ),
    "departures at two": (
        """UPDATE warehouse.flights
        SET dep_delay = CAST(extract(epoch FROM :cutoff - scheduled_at) / 60 AS integer)
        WHERE departed_at >= :cutoff AND flight_date = :score_date - 1""",
        set(),
    ),
    "weather of the last whole hour": (
        """UPDATE warehouse.weather
        SET temp = -99, humid = 1, pressure = 1, wind_speed = 999, precip = 99, visib = 0
        WHERE observed_at = :cutoff - INTERVAL '1 hour'""",
        WEATHER,
    ),
    "weather of the hours before": (
        "UPDATE warehouse.weather SET temp = -99 WHERE observed_at < :cutoff - INTERVAL '1 hour'",
        set(),
    ),
    "planes of the day": (
        "UPDATE warehouse.flights SET tailnum = 'N10156' WHERE flight_date = :score_date",
        {"plane_year", "seats"},
    ),
    "planes of yesterday": (
        "UPDATE warehouse.flights SET tailnum = 'N10156' WHERE flight_date = :score_date - 1",
        set(),
    ),
}


def cutoff(night: date) -> datetime:
    """02:00 in New York, by Python's clock and not by the database's; 03:00 where the clocks skip it."""
    return datetime(night.year, night.month, night.day, 2, tzinfo=ZoneInfo("America/New_York"))


def run(cursor: adbc.Cursor, text: str, night: date) -> pa.Table:
    """Rows of a query in an open transaction."""
    cursor.execute(postgres.render(Query(text, {"score_date": night, "cutoff": cutoff(night)}, "test")))
    return cursor.fetch_arrow_table()


def change(cursor: adbc.Cursor, text: str, night: date) -> int:
    """Change the warehouse in an open transaction; returns the number of rows changed."""
    return int(
        run(cursor, f"WITH changed AS ({text} RETURNING 1) SELECT count(*) FROM changed", night)[0][0].as_py()
    )


def moved(before: pa.Table, after: pa.Table) -> set[str]:
    """The columns that differ in any bit, or not in the same order."""
    assert after.schema.equals(before.schema)
    return {name for name in before.column_names if not before[name].equals(after[name])}


@pytest.fixture
def cursor(sample_warehouse: str) -> Iterator[adbc.Cursor]:
    """A transaction of the warehouse's owner that is rolled back."""
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        yield cursor
        session.rollback()


@pytest.fixture(scope="module")
def year(sample_warehouse: str) -> pd.DataFrame:
    """The outcomes of all the nights of 2013, under the score date that gave them."""
    nights = [date(2013, 1, 1) + timedelta(days=day) for day in range(365)]
    with adbc.connect(sample_warehouse) as session, session.cursor() as cursor:
        frames = [run(cursor, OUTCOMES, night).to_pandas().assign(score_date=night) for night in nights]
    rows: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return rows


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """The package's own flights, untouched by the loader."""
    rows = pd.read_csv(sample_files.source() / "flights.csv.zip")
    flight, time = rows["flight"].astype(str), rows["sched_dep_time"].astype(str).str.zfill(4)
    return rows.assign(
        score_date=pd.to_datetime(rows[["year", "month", "day"]]).dt.date,
        entity_id=rows["carrier"] + flight + "-" + rows["origin"] + "-" + time,
    )


@pytest.mark.parametrize("night", NIGHTS, ids=str)
def test_nothing_that_became_known_after_two_o_clock_is_used(cursor: adbc.Cursor, night: date) -> None:
    before = run(cursor, FEATURES, night)
    assert before.num_rows > 700
    changed = {}
    for what, text in LATER.items():
        changed[what] = change(cursor, text, night)
        assert moved(before, run(cursor, FEATURES, night)) == set(), what
    # The source's weather ends on 30 December, its flights on the next day.
    missing = {"flights of later weeks", "weather observed later"}
    idle = missing if night == LAST else {"weather observed later, of hours that are missing"}
    assert {what for what, rows in changed.items() if rows == 0} <= idle


@pytest.mark.parametrize(
    ("right", "leaking"),
    [
        ("WHEN departed_at < cutoff.at THEN", "WHEN true THEN"),
        ("CAST(:score_date AS date) - 1\n)", "CAST(:score_date AS date) + 30\n)"),
        ("WHERE observed_at + INTERVAL '1 hour' BETWEEN", "WHERE observed_at BETWEEN"),
    ],
    ids=["departures", "nights", "weather"],
)
def test_a_query_that_looks_past_two_o_clock_would_be_found(
    cursor: adbc.Cursor, right: str, leaking: str
) -> None:
    assert FEATURES.count(right) == 1
    query = FEATURES.replace(right, leaking)
    before = run(cursor, query, SUMMER)
    for text in LATER.values():
        change(cursor, text, SUMMER)
    assert moved(before, run(cursor, query, SUMMER)) != set()


@pytest.mark.parametrize(("text", "reached"), EARLIER.values(), ids=EARLIER)
def test_what_was_known_before_two_o_clock_reaches_just_its_features(
    cursor: adbc.Cursor, text: str, reached: set[str]
) -> None:
    before = run(cursor, FEATURES, SUMMER)
    assert change(cursor, text, SUMMER) > 0
    assert moved(before, run(cursor, FEATURES, SUMMER)) == reached


@pytest.mark.parametrize("night", [SPRING, SUMMER, AUTUMN], ids=str)
def test_the_weather_is_that_of_the_last_whole_hour(cursor: adbc.Cursor, night: date) -> None:
    features = run(cursor, FEATURES, night).to_pandas().groupby("origin")["temp"].unique()
    text = "SELECT origin, temp FROM warehouse.weather WHERE observed_at = :cutoff - INTERVAL '1 hour'"
    observed = {row["origin"]: [row["temp"]] for row in run(cursor, text, night).to_pylist()}
    assert {origin: list(temps) for origin, temps in features.items()} == observed
    assert len(observed) == 3


def test_a_night_without_weather_has_null_weather(cursor: adbc.Cursor) -> None:
    features = run(cursor, FEATURES, LAST)
    assert {features[name].null_count for name in WEATHER} == {features.num_rows}


@pytest.mark.parametrize("night", [date(2013, 1, 1), *NIGHTS], ids=str)
def test_every_flight_of_the_day_is_scored_once_and_has_an_outcome(
    cursor: adbc.Cursor, published: pd.DataFrame, night: date
) -> None:
    entities = run(cursor, FEATURES, night)["entity_id"].to_pylist()
    assert len(set(entities)) == len(entities)
    assert set(entities) == set(published.loc[published["score_date"] == night, "entity_id"])
    assert run(cursor, OUTCOMES, night)["entity_id"].to_pylist() == entities


@pytest.mark.parametrize("night", [date(2012, 12, 31), date(2014, 1, 1)], ids=str)
def test_no_flight_is_on_a_night_outside_of_the_year(cursor: adbc.Cursor, night: date) -> None:
    assert run(cursor, FEATURES, night).num_rows == run(cursor, OUTCOMES, night).num_rows == 0


def test_every_flight_of_the_year_is_on_exactly_one_night(
    year: pd.DataFrame, published: pd.DataFrame
) -> None:
    key = ["score_date", "entity_id"]
    both = year.merge(published, on=key, how="outer", validate="one_to_one", indicator="where")
    assert len(both) == 336_776
    assert set(both["where"]) == {"both"}


def test_late_is_unknown_for_exactly_the_cancelled_and_the_diverted(
    year: pd.DataFrame, published: pd.DataFrame
) -> None:
    both: Any = year.merge(published, on=["score_date", "entity_id"])
    cancelled, arrived = both["dep_time"].isna(), both["arr_delay"].notna()
    assert (both["late"].isna() == ~arrived).all()
    assert (both.loc[arrived, "late"].astype(bool) == (both.loc[arrived, "arr_delay"] > 30)).all()
    assert ((both["status"] == "arrived") == arrived).all()
    assert ((both["status"] == "cancelled") == cancelled).all()
    assert both["status"].value_counts().to_dict() == {
        "arrived": 327_346,
        "cancelled": 8_255,
        "diverted": 1_175,
    }


def test_the_same_night_gives_the_same_bytes(cursor: adbc.Cursor) -> None:
    assert run(cursor, FEATURES, SUMMER).equals(run(cursor, FEATURES, SUMMER))
