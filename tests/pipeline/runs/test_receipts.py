"""pipeline/runs/receipts.py: every move of the pointer leaves a receipt in the store, at once or later."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.databases import postgres
from pipeline.runs import receipts, store_identity
from pipeline.runs.store_identity import BehindStore, ForeignStore
from pipeline.store import objects
from pipeline.store.layout import RunRef
from tests.home import NIGHT
from tests.pipeline.shop import Shop


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A file in the place of a folder, which root cannot write into either."""
    aside = folder.rename(folder.with_suffix(".aside"))
    folder.write_text("")
    yield
    folder.unlink()
    aside.rename(folder)


def test_every_move_has_a_receipt_in_its_order(shop: Shop) -> None:
    first = shop.home.score(shop.job).run_id
    shop.change("visits = visits + 1")
    second = shop.home.score(shop.job).run_id
    aside: list[str] = []
    moves = receipts.moves_by_day(shop.home.store, shop.job, aside)
    assert [run_id for run_id, _ in moves[NIGHT]] == [first, second]
    (Path(shop.home.store) / objects.FOLDER / "moves" / shop.job / "notes.txt").write_text("")
    receipts.moves_by_day(shop.home.store, shop.job, aside)
    assert ["is no file of the pipeline's" in line for line in aside] == [True]


def test_a_move_without_a_receipt_is_made_up_for(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.home.score(shop.job)
    moves = Path(shop.home.store) / objects.FOLDER / "moves" / shop.job
    [first] = moves.rglob("*.json")
    first.unlink()
    with unwritable(first.parent):
        receipts.follow(shop.home.workspace.predictions, shop.home.store, shop.job)
    assert "the store got no receipt for it" in caplog.text
    shop.change("visits = visits + 1")
    shop.home.score(shop.job)
    assert first.exists()


def test_what_throws_away_asks_first_whose_the_store_is_and_whether_all_of_it_is_known(shop: Shop) -> None:
    run = shop.home.score(shop.job).run_id
    store = Path(shop.home.store)
    marker = store / objects.FOLDER / "jobs" / f"{shop.job}.json"
    with postgres.engine(shop.home.workspace.predictions).connect() as connection:
        receipts.require_own(connection, shop.home.store, shop.job)
        whose = marker.read_bytes()
        marker.unlink()
        with pytest.raises(
            ForeignStore, match=f"the runs of {shop.job} in the store .* belong to no database"
        ):
            receipts.require_own(connection, shop.home.store, shop.job)
        marker.write_bytes(whose)
        secret = store_identity.read(connection).secret
        # As a database that was restored from a backup sees it: one more run, and the sealed receipt of its move.
        lost = store_identity.read(connection).last_run_id + 1
        shutil.copytree(
            store / RunRef(shop.job, NIGHT, run).folder, store / RunRef(shop.job, NIGHT, lost).folder
        )
        folder = f"{objects.FOLDER}/moves/{shop.job}/{NIGHT}"
        objects.put(shop.home.store, f"{folder}/20240301T000000000000-{lost}.json", "{}", secret)
        assert receipts.moves_by_day(shop.home.store, shop.job, [])[NIGHT]
        with pytest.raises(
            BehindStore, match=f"published runs of {shop.job} that this database does not know"
        ):
            receipts.require_own(connection, shop.home.store, shop.job)
        receipts.require_own(connection, shop.home.store, shop.job, after_restore=True)
