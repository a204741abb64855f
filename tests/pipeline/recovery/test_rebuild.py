"""pipeline/recovery/rebuild.py: a lost database is made again from its backup and its store, bit for bit."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline.maintenance import retention
from pipeline.recovery.adopt import RebuildError
from pipeline.recovery.rebuild import Rebuilt
from pipeline.runs import store_identity
from pipeline.runs.store_identity import BehindStore, ForeignStore
from pipeline.store import objects
from tests.home import Home
from tests.pipeline.recovery.rescue import NIGHTS, Rescue, files_of, forget, live, prune
from tests.pipeline.shop import open_shop
from tests.scenarios.test_store import reach, s3

__all__ = ["s3"]


def test_a_backup_and_the_store_give_back_what_there_was(rescue: Rescue) -> None:
    rescue.page("Back up every day")
    live(rescue)
    before = rescue.seen()
    rescue.lose()
    rescue.page("Restore a backup")
    assert rescue.seen() != before
    for refused in (
        lambda: rescue.home.score(rescue.job, NIGHTS[1]),
        lambda: prune(rescue),
        lambda: forget(rescue),
    ):
        with pytest.raises(BehindStore, match="restored from a backup. Nothing was touched.*scoring rebuild"):
            refused()
    rescue.page("Rebuild what the backup lacks")
    assert rescue.seen() == before
    assert rescue.rebuild() == Rebuilt()
    assert rescue.home.score(rescue.job, NIGHTS[3]).run_id > max(
        run["run_id"] for run in rescue.shop.runs()[:-1]
    )


def test_the_store_alone_gives_back_every_night(rescue: Rescue) -> None:
    live(rescue)
    before = rescue.seen()
    rescue.begin_anew()
    for refused in (lambda: rescue.home.score(rescue.job, NIGHTS[1]), lambda: prune(rescue)):
        with pytest.raises(ForeignStore, match="belong to database .*Nothing was touched.*--adopt-store"):
            refused()
    with pytest.raises(RebuildError, match="add --adopt-store"):
        rescue.rebuild()
    rescue.page("Restore without a backup")
    assert rescue.seen() == before
    rescue.home.score(rescue.job, NIGHTS[3])


def test_what_nobody_wants_back_goes_when_told(rescue: Rescue) -> None:
    rescue.back_up()
    lost = rescue.home.score(rescue.job, NIGHTS[1]).run_id
    rescue.restore()
    rescue.home.sql("SELECT setval('scoring.scoring_runs_run_id_seq', 1000)")
    rescue.home.score(rescue.job, NIGHTS[2])
    old = list((Path(rescue.home.store) / rescue.job).rglob(f"{lost}/*"))
    for path in old:
        os.utime(path, (0, 0))
    with pytest.raises(
        BehindStore, match=rf"published runs of {rescue.job} that this database does not know: {lost}"
    ):
        prune(rescue)
    assert all(path.exists() for path in old)
    assert [item.run_id for item in prune(rescue, after_restore=True).gone] == [lost]
    assert not any(path.exists() for path in old)
    assert prune(rescue).gone == ()


def test_a_store_in_s3_gives_back_what_there_was(
    rescue: Rescue, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, s3)
    rescue.home.store = "s3://nights/rescue"
    shop = open_shop(rescue.home)
    shop.change("channel = NULL", "entity_id = 'customer-00007'")
    rescue.home.score(shop.job)
    forget(Rescue(shop, rescue.server), "customer-00007")
    lost = Rescue(shop, rescue.server)
    before = lost.seen()
    lost.begin_anew()
    with pytest.raises(ForeignStore):
        rescue.home.score(shop.job)
    lost.rebuild(adopt=True)
    assert lost.seen() == before
    with pytest.raises(BehindStore):
        store_identity.claim(rescue.home.store, store_identity.of(lost.owner), 2)


def test_nothing_of_another_database_is_touched(rescue: Rescue, home: Home) -> None:
    """A store of another database, and a database that was made anew beside an old store."""
    shop = open_shop(home)
    home.score(shop.job)
    other = Rescue(shop, rescue.server)
    shutil.copytree(Path(home.store), Path(rescue.home.store), dirs_exist_ok=True)
    before = files_of(rescue.home.store)
    mine = rescue.home.workspace.predictions
    with pytest.raises(ForeignStore):
        store_identity.admit(rescue.home.store, other.job, mine)
    job = home.read(shop.job)
    with pytest.raises(ForeignStore, match=f"the runs of {shop.job} in the store"):
        retention.prune(rescue.server.connections.__getitem__, rescue.home.store, [job])
    (Path(rescue.home.store) / objects.FOLDER / "jobs" / f"{rescue.job}.json").unlink()
    with pytest.raises(ForeignStore, match="belong to no database that is known"):
        prune(rescue)
    with pytest.raises(ForeignStore, match="belong to no database that is known"):
        forget(rescue)
    assert files_of(rescue.home.store) == before - {f"{objects.FOLDER}/jobs/{rescue.job}.json"}
    rescue.home.score(rescue.job, NIGHTS[1])  # it knows every run of the job that lies there
    assert prune(rescue).gone == ()
