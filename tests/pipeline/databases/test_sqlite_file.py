"""pipeline/databases/sqlite_file.py: each value arrives exact, though SQLite types values and no columns."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.databases import warehouse
from pipeline.databases.queries import Query, WarehouseError

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one table, of columns that SQLite does not hold to their types."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as session, session:
        session.execute("CREATE TABLE shop (id TEXT, day DATE, whole INTEGER, mixed, absent REAL, raw BLOB)")
        session.executemany(
            "INSERT INTO shop VALUES (?, ?, ?, ?, NULL, x'00ff')",
            [("a", "2024-03-01", 2**62, 1), ("b", "soon", 1, 0.1), ("c", None, None, "one")],
        )
    return path


def table(file: Path, query: str) -> pa.Table:
    """The rows of a query."""
    with warehouse.stream(f"sqlite:///{file}", Query(query, VALUES, "q.sql")) as reader:
        return reader.read_all()


def test_a_columns_type_is_that_of_all_its_values(file: Path) -> None:
    rows = table(file, "SELECT * FROM shop ORDER BY id")
    assert rows.schema.names == ["id", "day", "whole", "mixed", "absent", "raw"]
    assert rows.column("whole").to_pylist() == [2**62, 1, None]
    assert rows.column("mixed").combine_chunks().to_pylist() == ["1", "0.1", "one"]
    assert rows.column("absent").null_count == 3
    assert rows.column("raw").to_pylist() == [b"\x00\xff"] * 3


def test_a_declared_date_comes_as_the_text_that_is_kept(file: Path) -> None:
    day = table(file, "SELECT day FROM shop ORDER BY id").column("day")
    assert day.type == pa.opaque(pa.string(), "date", "sqlite")
    assert day.combine_chunks().storage.to_pylist() == ["2024-03-01", "soon", None]


def test_values_are_texts_that_sqlites_functions_read(file: Path) -> None:
    query = "SELECT date(:score_date, '-1 day') AS day, datetime(:interval_end) AS at FROM shop LIMIT 1"
    assert table(file, query).to_pylist() == [{"day": "2024-02-29", "at": "2024-03-02 05:00:00"}]


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELECT missing FROM shop", r"q\.sql: the database refused the query: .*no such column: missing"),
        ("DELETE FROM shop RETURNING id", "syntax error"),
    ],
)
def test_what_cannot_work_is_refused(file: Path, query: str, refusal: str) -> None:
    with pytest.raises(WarehouseError, match=refusal):
        table(file, query)
    assert table(file, "SELECT id FROM shop").num_rows == 3
