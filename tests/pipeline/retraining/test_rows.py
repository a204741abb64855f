"""pipeline/retraining/rows.py: each date's rows as a run reads them, with the outcomes in the type of their query."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.retraining import rows
from pipeline.retraining.team_code import RetrainingError
from tests.home import Home
from tests.pipeline.retraining.shop import DAYS, FIRST, LAST, configure, open_training


def test_rows_have_their_outcome_and_a_digest_that_is_the_same_again(home: Home, tmp_path: Path) -> None:
    name = open_training(home)
    job, path = home.read(name), tmp_path / "rows.parquet"
    read = rows.read(home.workspace, job, LAST, path)
    table = pq.read_table(path)
    assert (read.first, read.last, read.rows, read.labelled) == (FIRST, LAST, 40 * DAYS, 38 * DAYS)
    assert table["bought"].type == pa.bool_()
    assert table["bought"].null_count == 2 * DAYS
    assert rows.read(home.workspace, job, LAST, path) == read
    assert "SELECT entity_id" in read.query
    # As of the job's own midnight: in New York it is still the 19th.
    assert rows.last_date(job, datetime(2024, 3, 20, 2, tzinfo=UTC)) == date(2024, 3, 16)
    outcomes = home.path / "sql" / f"{name}_outcomes.sql"
    text = outcomes.read_text()
    outcomes.write_text(f"{text} UNION ALL {text}")
    with pytest.raises(RetrainingError, match=f"gives an entity more than one row on {FIRST}. Give one row"):
        rows.read(home.workspace, job, LAST, path)
    outcomes.write_text(text.replace("bought", "bought AS sold"))
    with pytest.raises(
        RetrainingError, match="column 'bought', the outcome, is missing. It has entity_id, .*sold"
    ):
        rows.read(home.workspace, job, LAST, path)
    outcomes.write_text(text)
    configure(home, name, "minimum_rows = 100", "minimum_rows = 1000")
    with pytest.raises(
        RetrainingError, match="304 rows from .* have an outcome, and training.minimum_rows is 1000"
    ):
        rows.read(home.workspace, home.read(name), LAST, path)


def test_a_job_that_says_nothing_of_it_is_refused(home: Home) -> None:
    with pytest.raises(RetrainingError, match=r"has no section \[training\]"):
        rows.required(home.read(home.job("SELECT 1", "shop")))
