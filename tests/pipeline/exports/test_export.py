"""pipeline/exports: what analysts see of a range of score dates, as a file that is whole or not there."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from pipeline.exports import export as exporting
from pipeline.exports.columns import ExportError
from pipeline.exports.files import Format
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.exports.exported import LAST, as_seen, exported, read
from tests.pipeline.shop import Shop, open_shop
from tests.sql.test_walls import thirds


def test_the_rows_are_those_of_the_view(shop: Shop, tmp_path: Path) -> None:
    done = exported(shop, tmp_path / "all.parquet")
    rows = read(tmp_path / "all.parquet")
    assert (done.rows, done.dates, done.notes) == (200, 2, [])
    columns = ["job", "score_date", "entity_id", "score", "label", "model_version", "run_id", "scored_at",
               "served_by", "staleness_days"]  # fmt: skip
    assert list(rows) == columns
    pd.testing.assert_frame_equal(rows, as_seen(shop, *columns), check_dtype=False)


def test_first_and_last_date_are_exported(shop: Shop, tmp_path: Path) -> None:
    for first, last, dates in ((NIGHT, NIGHT, 1), (NIGHT + timedelta(days=1), LAST, 1), (NIGHT, LAST, 2)):
        done = exported(shop, tmp_path / "some.parquet", first=first, last=last, force=True)
        assert (done.dates, done.rows) == (dates, 100 * dates)


def test_every_class_has_a_column(home: Home, tmp_path: Path) -> None:
    home.model("shop", *thirds(seed=3))
    shop = open_shop(home)
    home.score(shop.job)
    exported(shop, tmp_path / "c.parquet")
    rows = read(tmp_path / "c.parquet")
    named = home.sql("SELECT * FROM scoring.class_probabilities WHERE job = :job", "analyst", job=shop.job)
    seen = pd.DataFrame(named).pivot_table(index="entity_id", columns="class", values="probability")
    for name in ("low", "middle", "high"):
        assert rows[f"probability_{name}"].tolist() == seen[name][rows["entity_id"]].tolist()
    sha256 = home.last_run(shop.job)["model_sha256"]
    home.sql("DELETE FROM scoring.model_classes WHERE model_sha256 = :sha256", sha256=sha256)
    with pytest.raises(ExportError, match="probabilities of classes without a name.*scoring migrate"):
        exported(shop, tmp_path / "c.parquet", force=True)


def test_csv_has_the_same_values(shop: Shop, tmp_path: Path) -> None:
    exported(shop, tmp_path / "all.csv", kind=Format.CSV)
    types = pa_csv.ConvertOptions(column_types={"label": pa.string()})
    rows = pa_csv.read_csv(tmp_path / "all.csv", convert_options=types).to_pandas()
    rows = rows.sort_values(["score_date", "entity_id"]).reset_index(drop=True)
    for name in ("entity_id", "score", "label", "run_id", "scored_at"):
        assert rows[name].tolist() == as_seen(shop, name)[name].tolist()


def test_a_formula_is_told_of_and_disarmed_where_that_is_asked_for(home: Home, tmp_path: Path) -> None:
    rows = shop_rows(3)
    rows["entity_id"] = ["=1+1", "plain", "\uff0d5"]  # the last of full width
    shop = open_shop(home, rows)
    home.score(shop.job)
    done = exported(shop, tmp_path / "f.csv", kind=Format.CSV)
    assert done.formulas == {"entity_id"}
    assert '"=1+1"' in (tmp_path / "f.csv").read_text()
    exported(shop, tmp_path / "f.csv", kind=Format.CSV, spreadsheet=True, force=True)
    text = (tmp_path / "f.csv").read_text()
    assert '"\'=1+1"' in text
    assert '"\'\uff0d5"' in text
    assert '"plain"' in text
    assert exported(shop, tmp_path / "f.parquet", spreadsheet=True).formulas == set()
    assert set(read(tmp_path / "f.parquet")["entity_id"]) == {"=1+1", "plain", "\uff0d5"}


def test_an_empty_range_is_refused_and_leaves_no_file(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    day = date(2023, 1, 1)
    with pytest.raises(
        ExportError, match=r"nothing of .* is published from 2023-01-01 to 2023-01-01, or this"
    ):
        exported(shop, path, first=day, last=day)
    assert not path.exists()


def test_a_run_that_is_replaced_meanwhile_is_not_mixed_with_the_next(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = exporting._runs

    def overtaken(*arguments: Any) -> Any:
        listed = runs(*arguments)
        shop.change("visits = visits + 1")
        shop.home.score(shop.job, LAST)
        return listed

    monkeypatch.setattr(exporting, "_runs", overtaken)
    with pytest.raises(ExportError, match="of 2024-03-03 was replaced while it was exported. Export again"):
        exported(shop, tmp_path / "all.parquet")
    assert list(tmp_path.glob("*.parquet")) == []
