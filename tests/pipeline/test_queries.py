"""pipeline/queries.py: a query is a text file, and gets its values and nothing else."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pipeline import postgres, queries
from pipeline.queries import WarehouseError

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


def test_a_query_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "q.sql").write_text("SELECT 'ü'")
    assert queries.read(tmp_path, "sub/q.sql") == "SELECT 'ü'"


def test_a_query_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_bytes("SELECT 'ü'".encode("latin-1"))
    with pytest.raises(WarehouseError, match=r"q\.sql: not a text file: .* Save it as UTF-8"):
        queries.read(tmp_path, "q.sql")


@pytest.mark.parametrize("name", ["nowhere.sql", "../outside.sql", "link.sql", "sub"])
def test_a_query_outside_of_its_folder_is_not_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "sql"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.sql").write_text("SELECT 1")
    (folder / "link.sql").symlink_to(tmp_path / "outside.sql")
    with pytest.raises(WarehouseError, match="no such query in"):
        queries.read(folder, name)


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        WarehouseError, match=r"q\.sql: unknown parameter :day\. A query may use :score_date, "
    ):
        postgres.render("SELECT :day", VALUES, "q.sql")


def test_a_parameter_that_is_not_used_is_not_needed() -> None:
    assert postgres.render("SELECT 1", VALUES, "q.sql").strip() == "SELECT 1"
