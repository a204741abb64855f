"""pipeline/retraining/rows.py: each date's rows as a run reads them, with the outcomes in the type of their query."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.retraining import rows
from pipeline.retraining.team_code import RetrainingError
from tests.home import Home
from tests.pipeline.retraining.shop import LAST, configure, open_training


def test_rows_have_their_outcome_and_a_digest_that_is_the_same_again(home: Home, tmp_path: Path) -> None:
    name = open_training(home)
    configure(home, name, "window_days = 4", "window_days = 3")
    job, path = home.read(name), tmp_path / "rows.parquet"
    read = rows.read(home.workspace, job, LAST, path)
    table = pq.read_table(path)
    assert (read.first, read.last, read.rows, read.labelled) == (LAST - timedelta(days=2), LAST, 120, 114)
    assert (table["bought"].type, table["bought"].null_count) == (pa.bool_(), 6)
    assert rows.read(home.workspace, job, LAST, path) == read
    assert "SELECT entity_id" in read.query
    # As of the job's own midnight: in New York it is still the 19th.
    assert rows.last_date(job, datetime(2024, 3, 20, 2, tzinfo=UTC)) == date(2024, 3, 16)


def test_rows_that_cannot_be_trained_on_are_refused(home: Home, tmp_path: Path) -> None:
    name = open_training(home)
    configure(home, name, "window_days = 4", "window_days = 2")
    outcomes = home.path / "sql" / f"{name}_outcomes.sql"
    text = outcomes.read_text()
    for written, message in (
        (
            f"{text} UNION ALL {text}",
            f"gives an entity more than one row on {LAST - timedelta(days=1)}. Give one row",
        ),
        (text.replace("bought", "bought AS sold"), "column 'bought', the outcome, is missing. It has .*sold"),
        (text, "76 rows from .* have an outcome, and training.minimum_rows is 100"),
    ):
        outcomes.write_text(written)
        with pytest.raises(RetrainingError, match=message):
            rows.read(home.workspace, home.read(name), LAST, tmp_path / "rows.parquet")


def test_a_job_that_says_nothing_of_it_is_refused(home: Home) -> None:
    with pytest.raises(RetrainingError, match=r"has no section \[training\]"):
        rows.required(home.read(home.job("SELECT 1", "shop")))
