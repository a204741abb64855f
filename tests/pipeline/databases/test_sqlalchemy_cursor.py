"""pipeline/databases/sqlalchemy_cursor.py: what any other database refuses is told from what may pass."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.contract.contract import Column
from pipeline.databases import warehouse
from pipeline.databases.queries import BATCH_ROWS, Query, WarehouseError
from tests.pipeline.databases.roads import OpenRoad, checked, open_road

__all__ = ["open_road"]

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("SELECT absent FROM sqlite_master", "no such column: absent"),
        ("SELECT absent(1)", "no such function: absent"),
        ("/* nothing */", "there is no query in it"),
        ("PRAGMA user_version = 7", "the database has no rows to give for it. Write one SELECT"),
    ],
)
def test_a_driver_without_kinds_of_errors_refuses_all_the_same(
    tmp_path: Path, query: str, refusal: str
) -> None:
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    with (
        pytest.raises(WarehouseError, match=refusal),
        warehouse.stream(f"sqlite+pysqlite:///{file}", Query(query, VALUES, "q.sql")) as reader,
    ):
        reader.read_all()


def test_a_database_that_is_locked_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE shop (id)")
        other.execute("BEGIN EXCLUSIVE")
        address = f"sqlite+pysqlite:///{file}?timeout=0.1"
        with (
            pytest.raises(sa.exc.OperationalError, match="locked"),
            warehouse.stream(address, Query("SELECT id FROM shop", VALUES, "q.sql")),
        ):
            pass


# More rows of text than the first batch has, and then one that is none.
LATE = f"""
CREATE TABLE t (entity_id, word);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {BATCH_ROWS + 9})
INSERT INTO t SELECT 'e' || i, 'web' FROM n;
INSERT INTO t VALUES (CAST('e33000' AS BLOB), 'web'), ('last', CAST('web' AS BLOB));
"""


def test_bytes_are_no_text_in_any_batch(open_road: OpenRoad) -> None:
    source = open_road("sqlite+pysqlite")
    source.run(LATE)
    result = checked(source, "SELECT * FROM t", Column("word", "text", "str", nullable=True))
    assert len(result.accepted) == BATCH_ROWS + 9
    assert sorted(result.rejected.values()) == [("entity_id", "type"), ("word", "type")]
    assert result.rejected["last"] == ("word", "type")
