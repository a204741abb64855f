"""pipeline/exports: what analysts see of a range of score dates, as a file that is whole or not there."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from pipeline.exports import export as exporting
from pipeline.exports.export import Exported, ExportError, Wanted, export
from pipeline.exports.files import FileError, Format
from pipeline.store.parts import PartError
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop
from tests.sql.test_walls import thirds

LAST = NIGHT + timedelta(days=2)


@pytest.fixture
def shop(home: Home) -> Shop:
    """Two published score dates with one between that is not."""
    shop = open_shop(home)
    home.score(shop.job)
    home.score(shop.job, LAST)
    return shop


def exported(shop: Shop, path: Path | None, **options: Any) -> Exported:
    """Export the shop's predictions as an analyst."""
    kind = options.pop("kind", Format.PARQUET)
    force = options.pop("force", False)
    wanted = Wanted(**{"job": shop.job, "first": NIGHT, "last": LAST, **options})
    return export(shop.home.server.connections["analyst"], shop.home.store, wanted, path, kind, force=force)


def as_seen(shop: Shop, *columns: str) -> pd.DataFrame:
    """Columns of the analysts' view, in an order that does not depend on where a row lies."""
    return shop.predictions()[list(columns)].reset_index(drop=True)


def read(path: Path) -> pd.DataFrame:
    """An exported file in the same order."""
    return pq.read_table(path).to_pandas().sort_values(["score_date", "entity_id"]).reset_index(drop=True)


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


def test_slices_come_from_the_archived_parts(shop: Shop, tmp_path: Path) -> None:
    exported(shop, tmp_path / "s.parquet", slices=("channel", "member", "visits"))
    rows = read(tmp_path / "s.parquet")
    expected = shop_rows().set_index("entity_id")
    assert rows["channel"].tolist() == expected["channel"][rows["entity_id"]].tolist()
    assert rows["visits"].tolist() == expected["visits"][rows["entity_id"]].astype(str).tolist()
    assert set(rows["member"]) == {"true", "false"}


def test_slices_whose_parts_are_gone_are_empty_and_said_to_be(shop: Shop, tmp_path: Path) -> None:
    first = shop.runs()[0]["run_id"]
    (Path(shop.home.store) / shop.job / str(NIGHT) / str(first) / "part-00001.parquet").unlink()
    done = exported(shop, tmp_path / "s.parquet", slices=("channel", "colour"))
    assert done.notes == [
        f"run {first} of 2024-03-01: its model does not take 'colour', which is empty",
        f"run {first} of 2024-03-01: its parts are no longer in the store, so its slices are empty",
        f"run {shop.runs()[1]['run_id']} of 2024-03-03: its model does not take 'colour', which is empty",
    ]
    rows = read(tmp_path / "s.parquet")
    assert rows["colour"].isna().all()
    assert rows["channel"].isna().sum() == 40  # rows_per_part


def test_an_altered_part_leaves_no_file(shop: Shop, tmp_path: Path) -> None:
    last = shop.runs()[1]["run_id"]
    part = Path(shop.home.store) / shop.job / str(LAST) / str(last) / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    (tmp_path / "out").mkdir()
    with pytest.raises(PartError, match="is not what was written"):
        exported(shop, tmp_path / "out" / "s.parquet", slices=("channel",))
    assert list((tmp_path / "out").iterdir()) == []


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


def test_a_slice_named_as_a_column_of_ours_gets_another_name() -> None:
    schema = exporting._schema(["Label", "x"], ["a", "A"])
    assert schema.names[5:9] == ["Label_", "x", "probability_a", "probability_A_"]


def test_csv_has_the_same_values(shop: Shop, tmp_path: Path) -> None:
    exported(shop, tmp_path / "all.csv", kind=Format.CSV)
    types = pa_csv.ConvertOptions(column_types={"label": pa.string()})
    rows = pa_csv.read_csv(tmp_path / "all.csv", convert_options=types).to_pandas()
    rows = rows.sort_values(["score_date", "entity_id"]).reset_index(drop=True)
    for name in ("entity_id", "score", "label", "run_id", "scored_at"):
        assert rows[name].tolist() == as_seen(shop, name)[name].tolist()


def test_a_formula_is_told_of_and_disarmed_where_that_is_asked_for(home: Home, tmp_path: Path) -> None:
    rows = shop_rows(3)
    rows["entity_id"] = ["=1+1", "plain", "-5"]
    shop = open_shop(home, rows)
    home.score(shop.job)
    done = exported(shop, tmp_path / "f.csv", kind=Format.CSV)
    assert done.formulas == {"entity_id"}
    assert '"=1+1"' in (tmp_path / "f.csv").read_text()
    exported(shop, tmp_path / "f.csv", kind=Format.CSV, spreadsheet=True, force=True)
    text = (tmp_path / "f.csv").read_text()
    assert '"\'=1+1"' in text
    assert '"\'-5"' in text
    assert '"plain"' in text
    assert exported(shop, tmp_path / "f.parquet", spreadsheet=True).formulas == set()
    assert set(read(tmp_path / "f.parquet")["entity_id"]) == {"=1+1", "plain", "-5"}


def test_a_file_that_is_there_stays_unless_force_is_given(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    path.write_text("mine")
    with pytest.raises(FileError, match=r"all\.parquet is there already\. Replace it with --force"):
        exported(shop, path)
    assert path.read_text() == "mine"
    exported(shop, path, force=True)
    assert len(read(path)) == 200
    with pytest.raises(FileError, match="is a folder"):
        exported(shop, tmp_path, force=True)
    with pytest.raises(FileError, match=r"cannot be written: No such file or directory\. Name another"):
        exported(shop, tmp_path / "nowhere" / "all.parquet")


def test_an_empty_range_is_refused_and_leaves_no_file(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    day = date(2023, 1, 1)
    with pytest.raises(
        ExportError, match=r"nothing of .* is published from 2023-01-01 to 2023-01-01, or this"
    ):
        exported(shop, path, first=day, last=day)
    assert not path.exists()


@pytest.mark.parametrize("kind", Format)
def test_an_interruption_leaves_nothing_behind(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    batches = exporting._batches

    def interrupted(*arguments: Any) -> Iterator[Any]:
        yield from batches(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_batches", interrupted)
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        exported(shop, tmp_path / "out" / "all", kind=kind)
    assert list((tmp_path / "out").iterdir()) == []


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


def test_no_more_than_a_part_and_a_group_are_in_memory(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded by construction: batches come part by part, and a group is written as soon as it is full."""
    monkeypatch.setattr("pipeline.exports.files.GROUP_ROWS", 40)
    written: list[int] = []
    write_table = pq.ParquetWriter.write_table
    monkeypatch.setattr(
        pq.ParquetWriter,
        "write_table",
        lambda self, table, **options: (written.append(table.num_rows), write_table(self, table, **options)),
    )
    exported(shop, tmp_path / "all.parquet")
    assert max(written) < 40 + 40  # what is held, and one part more
    assert sum(written) == 200
