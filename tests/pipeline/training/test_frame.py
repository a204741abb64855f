"""Training reads what runs read."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline import training_file, training_frame
from pipeline.errors import UsageError
from pipeline.training.summary import TrainingError
from tests.home import Home
from tests.pipeline.training.rates import FIRST, LAST, RATES, write_query


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
