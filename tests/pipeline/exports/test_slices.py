"""pipeline/exports/slices.py: values of slices, where the store has them."""

from pathlib import Path

import pytest

from pipeline.store.parts import PartError
from tests.home import NIGHT, shop_rows
from tests.pipeline.exports.exported import LAST, exported, read
from tests.pipeline.shop import Shop


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
