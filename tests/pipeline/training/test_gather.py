"""pipeline/training/gather.py: rows of many score dates become one file, whose columns have one type."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from pipeline.databases import connections
from pipeline.training import gather
from pipeline.training.gather import Source
from pipeline.training.summary import TrainingError
from tests.home import Home
from tests.pipeline.training.rates import QUERY


def source(home: Home, table: str) -> Source:
    """The rates, read as the warehouse's reader."""
    uri = connections.warehouse(home.server.connections["warehouse"], "warehouse")
    return Source(uri, QUERY.format(table=table, more=""), "rates.sql", ZoneInfo("UTC"))


def test_every_date_stands_in_the_file_with_its_rows_in_order(home: Home, rated: str, tmp_path: Path) -> None:
    days = [date(2024, 2, 26), date(2024, 3, 1)]
    gather.write(source(home, rated), days, tmp_path / "rates.parquet")
    table = pq.read_table(tmp_path / "rates.parquet")
    assert table.schema.names == ["entity_id", "score_date", "rate", "visits", "member"]
    assert [at.date() for at in table["score_date"].to_pylist()] == [days[0]] * 60 + [days[1]] * 60
    # Null on the last date alone, and one type all the same.
    assert table["visits"].null_count == 1
    assert pq.read_metadata(tmp_path / "rates.parquet").num_row_groups == 1


def test_dates_without_rows_are_refused(home: Home, rated: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="rates.sql gives no rows from 2025-01-01 to 2025-01-01"):
        gather.write(source(home, rated), [date(2025, 1, 1)], tmp_path / "rates.parquet")
