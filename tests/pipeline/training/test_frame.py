"""Training reads what nights read, and `check` says where it did not."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pipeline import training_file, training_frame
from pipeline.contract.contract import ContractError
from pipeline.errors import UsageError
from pipeline.tasks import preflight
from pipeline.tasks.preflight import CheckResult
from pipeline.training.summary import TrainingError
from tests.home import Home

FIRST, LAST = date(2024, 2, 26), date(2024, 3, 1)
RATES = [0.1, 0.2, 0.3, 0.7, 1.1]
ROWS = f"""
CREATE TABLE {{table}} AS
SELECT day, 'e' || number AS entity_id, (ARRAY{RATES})[1 + (number + day) % 5]::real AS rate,
    CASE WHEN number = 3 AND day = 4 THEN NULL ELSE number END AS visits, number % 2 = 0 AS member,
    number % 3 = 0 AS bought
FROM generate_series(0, 4) AS day, generate_series(1, 60) AS number;
GRANT SELECT ON {{table}} TO warehouse_reader
"""
QUERY = (
    "SELECT entity_id, rate, visits, member{more} FROM {table} WHERE day = :score_date - DATE '2024-02-26'"
)


@pytest.fixture
def rated(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table with a column of Postgres' `real` on five score dates."""
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    table = home.name("rates")
    home.sql(ROWS.format(table=table), "warehouse_owner")
    return table


def write_query(home: Home, name: str, table: str, more: str = "") -> str:
    (home.path / "sql" / name).write_text(QUERY.format(table=table, more=more))
    return name


def test_a_frame_has_the_values_and_dtypes_of_nights(home: Home, rated: str, tmp_path: Path) -> None:
    frame = training_frame(write_query(home, "rates.sql", rated), FIRST, "2024-03-01")
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "entity_id": "str", "score_date": "datetime64[us]", "rate": "float64", "visits": "float64", "member": "bool",
    }  # fmt: skip
    assert sorted(frame["rate"].unique()) == RATES
    assert frame.groupby("score_date").size().to_dict() == dict.fromkeys(pd.date_range(FIRST, LAST), 60)
    assert training_file("rates.sql", FIRST, LAST, tmp_path / "rates.parquet") == 300
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "rates.parquet"), frame)
    # Without the gap of the last day they are integers.
    assert training_frame("rates.sql", FIRST, FIRST)["visits"].dtype == "int64"


def rated_job(home: Home, rated: str, read: pd.DataFrame) -> str:
    """A job whose model was trained on a frame."""
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    home.model("rates", model.fit(read[["rate", "visits", "member"]], read["rate"] > 0.5), read)
    return home.job(QUERY.format(table=rated, more=""), "rates")


def finding(home: Home, job: str) -> CheckResult:
    """What `check` says of the reference."""
    findings = preflight.check(home.read(job), home.places, LAST)
    return next(each for each in findings if each.what == "reference")


@pytest.mark.parametrize("with_entities", [True, False])
def test_check_compares_the_reference_with_the_warehouse(home: Home, rated: str, with_entities: bool) -> None:
    frame = training_frame(write_query(home, "rates.sql", rated), FIRST, LAST)
    kept = frame if with_entities else frame.drop(columns="entity_id")
    job = rated_job(home, rated, kept)
    days = "2024-02-26, 2024-02-28, 2024-03-01"
    detail = f"180 of its rows, of {days}, compared with the query's: every value is the same"
    assert finding(home, job) == CheckResult("reference", True, detail)
    # A correction is told, and no failure.
    home.sql(f"UPDATE {rated} SET visits = 1000 WHERE entity_id = 'e7' AND day = 2", "warehouse_owner")
    corrected = finding(home, job)
    assert corrected.passed
    assert "column 'visits': 1 of 180 values, such as 7" in corrected.detail
    # As a driver reads `real` that widens its bits.
    widened = kept.assign(rate=kept["rate"].astype("float32").astype("float64"))
    refused = finding(home, rated_job(home, rated, widened))
    assert not refused.passed
    assert "column 'rate': 180 of 180 values, such as 0." in refused.detail
    assert "Read the training rows with training_frame" in refused.detail
    home.sql(f"DELETE FROM {rated} WHERE day < 4 OR entity_id < 'e4'", "warehouse_owner")
    gone = finding(home, job)
    assert not gone.passed
    assert "of 60 rows are not among those that the query gives" in gone.detail
    home.sql(f"DELETE FROM {rated}", "warehouse_owner")
    empty = finding(home, job)
    assert empty.passed
    assert (
        "no rows of 2024-02-26, 2024-02-28, 2024-03-01 any more: its values cannot be compared"
        in empty.detail
    )


def test_a_reference_without_score_dates_says_so(home: Home, rated: str) -> None:
    frame = training_frame(write_query(home, "rates.sql", rated), FIRST, LAST)
    comparison = finding(home, rated_job(home, rated, frame.drop(columns="score_date")))
    assert comparison.passed
    assert "it has no column 'score_date', so nobody can say whether" in comparison.detail


def test_what_cannot_be_read_says_why(home: Home, rated: str) -> None:
    write_query(home, "rates.sql", rated)
    with pytest.raises(
        UsageError, match="the last score date, 2024-02-26, lies before the first, 2024-03-01"
    ):
        training_frame("rates.sql", LAST, FIRST)
    with pytest.raises(TrainingError, match=r"rates\.sql gives no rows from 2025-01-01 to 2025-01-02"):
        training_frame("rates.sql", "2025-01-01", "2025-01-02")
    with pytest.raises(
        UsageError, match="no connection 'lake'. Set AIRFLOW_CONN_LAKE to the warehouse's URI"
    ):
        training_frame("rates.sql", FIRST, LAST, connection="lake")
    with pytest.raises(UsageError, match="time zone 'Mars/Olympus' is unknown"):
        training_frame("rates.sql", FIRST, LAST, timezone="Mars/Olympus")
    write_query(home, "rates.sql", rated, ", CASE WHEN visits > 5 THEN 9007199254740993 END AS big")
    with pytest.raises(
        TrainingError, match=r"'big' has nulls and integers beyond 2\^53.*CAST\(big AS text\)"
    ):
        training_frame("rates.sql", FIRST, LAST)
    # Its remedy.
    write_query(
        home, "rates.sql", rated, ", CAST(CASE WHEN visits > 5 THEN 9007199254740993 END AS text) AS big"
    )
    assert "9007199254740993" in set(training_frame("rates.sql", FIRST, LAST)["big"])


def test_what_a_night_would_not_take_is_left_out_with_a_warning(home: Home, rated: str) -> None:
    more = ", CASE WHEN visits = 5 THEN 'infinity'::float8 ELSE visits END AS ratio, CURRENT_DATE AS today"
    write_query(home, "rates.sql", rated, more)
    with pytest.warns(UserWarning, match="left out") as warned:
        frame = training_frame("rates.sql", FIRST, LAST)
    assert (len(frame), "today" in frame) == (295, False)
    sentence = " ".join(str(each.message) for each in warned)
    assert "5 of 300 rows are left out, as every run would reject them: ratio: finite (5)" in sentence
    assert "column 'today' is date32[day], which no model takes, and is left out" in sentence


def test_columns_have_one_type_on_all_dates(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.db"
    with closing(sqlite3.connect(path)) as session, session:
        session.executescript("""CREATE TABLE t (day TEXT, entity_id TEXT, a, b);
            INSERT INTO t VALUES ('2024-02-26', 'x', 7, 1), ('2024-02-27', 'x', 0.5, 'one'),
                ('2024-02-28', 'x', NULL, 1)""")
    monkeypatch.setenv("SCORING_HOME", str(home.path))
    monkeypatch.setenv("AIRFLOW_CONN_FILE", f"sqlite:///{path}")
    for column in ("a", "b"):
        query = f"SELECT entity_id, {column} FROM t WHERE day = :score_date"
        (home.path / "sql" / f"{column}.sql").write_text(query)
    frame = training_frame("a.sql", FIRST, "2024-02-28", connection="file")
    assert frame["a"].tolist()[:2] == [7.0, 0.5]
    assert np.isnan(frame["a"][2])
    with pytest.raises(ContractError, match="column 'b' is integer on 2024-02-26, and text on 2024-02-27"):
        training_frame("b.sql", FIRST, "2024-02-28", connection="file")
