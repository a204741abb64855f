"""pipeline/inspection/slices.py: a difference by slice, and what has none."""

import shutil
from pathlib import Path

import pytest

from pipeline.inspection import slices
from pipeline.inspection.diff import Diff, compare
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def sliced(shop: Shop, *columns: str) -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    shop.configure("retries = 0.*", f"retries = 0\nslices = [{names}]")


def diff(shop: Shop, before: int, after: int, top: int = 10) -> Diff:
    return compare(shop.home.workspace, before, after, top=top)


def test_without_its_parts_a_run_is_compared_all_the_same_but_by_slice(shop: Shop) -> None:
    sliced(shop, "channel")
    before = shop.home.score(shop.job)
    shop.change("visits = visits + 3", "entity_id LIKE '%3'")
    after = shop.home.score(shop.job)
    shutil.rmtree(Path(shop.home.store) / shop.job / NIGHT.isoformat() / str(after.run_id))
    difference = diff(shop, before.run_id, after.run_id)
    assert (difference.changed, difference.slices) == (10, [])
    [note] = difference.notes
    assert (
        note
        == f"no slices: {shop.job}/2024-03-01/{after.run_id}/part-00000.parquet is no longer in the store"
    )


def test_a_slice_that_is_no_feature_or_no_group_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_SLICE_VALUES", 50)
    sliced(shop, "region", "amount", "member")
    run_id = shop.home.score(shop.job).run_id
    difference = diff(shop, run_id, run_id)
    assert difference.notes == [
        f"no slices by region: the model of run {run_id} does not take this column",
        "no slices by amount: it has more than 50 values",
    ]
    assert {one.column for one in difference.slices} == {"member"}
    assert sum(one.entities for one in difference.slices) == 100
