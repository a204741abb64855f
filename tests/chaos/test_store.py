"""A store that is full, or whose files are cut, altered or gone: nothing of it is scored, written or published."""

import errno
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.embedded.server import Embedded
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError
from pipeline.tasks.predict import predict
from pipeline.tasks.write import write
from tests.chaos.surroundings import GATE, WAITS, Night, begin, fill, holding, poll, require_whole
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop

DAMAGES = 102


@pytest.fixture(scope="module")
def shop(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = open_shop(Home(tmp_path_factory.mktemp("store") / "home", server))
    shop.change("channel = NULL", "entity_id = 'customer-00007'")
    shop.home.score(shop.job)
    return shop


def damage(content: bytes, chance: random.Random) -> bytes | None:
    """Another content, or None for no file at all."""
    place = chance.randrange(len(content))
    match chance.choice(["bit", "bit", "cut", "zeros", "gone"]):
        case "bit":
            return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
        case "cut":
            return content[:place]
        case "zeros":  # a block that never reached the disk
            return content[:place] + bytes(len(content) - place) if any(content[place:]) else None
    return None


@pytest.mark.parametrize("stage", ["predict", "write", "log_metrics"])
def test_a_part_that_is_damaged_or_gone_is_found_by_whoever_reads_it(shop: Shop, stage: str) -> None:
    shop.query("SELECT * FROM {table} ORDER BY entity_id")
    seen, night, chance = shop.predictions(), begin(shop), random.Random(stage)
    night.before(stage)
    assert night.run
    folder = Path(shop.home.store) / RunRef.of(night.run).folder
    path = folder / ("part-00001.parquet" if stage == "predict" else "scored-00001.parquet")
    content, detected = path.read_bytes(), 0
    for _ in range(DAMAGES // 3):
        spoilt = damage(content, chance)
        path.write_bytes(spoilt) if spoilt is not None else path.unlink()
        with pytest.raises(PartError, match=rf"{path.name} (is missing from|in .* is not what was written)"):
            read_by(stage, night)
        detected += 1
        assert shop.rows(night.run.run_id) == (99 if stage == "log_metrics" else 0)
        path.write_bytes(content)
    assert detected == DAMAGES // 3
    assert shop.predictions().equals(seen)
    require_whole(shop, night.go_on())


def read_by(stage: str, night: Night) -> None:
    """Have a stage read the second part."""
    workspace, job = night.workspace, night.shop.home.read(night.shop.job)
    if stage == "predict":
        predict(workspace, job, night.work[1])
    elif stage == "write":
        write(workspace, job, night.scored[1])
    else:
        assert night.run
        shop = night.shop
        shop.publish(night.run, night.written)


def files(store: Path) -> list[str]:
    """Names of all the files below a folder."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())


# A full store


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("stage", ["extract", "predict"])
def test_a_store_that_fills_up_takes_the_night_once_there_is_room(
    shop: Shop, small: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.home, "store", str(small / "store"))
    seen, night, ballast = shop.predictions(), begin(shop), small / "ballast"
    shop.query(WAITS)  # its first part is stored before the disk fills up
    night.before(stage)
    night.again.clear()
    with ThreadPoolExecutor(1) as thread:
        with holding(shop.home, GATE, "warehouse_owner") as holder:
            if stage == "extract":
                going = thread.submit(night.go_on)
                assert holder.waiting()
                poll(lambda: "part-00000.parquet" in files(small))  # the rows that wait are read ahead of it
            fill(ballast)
            before = files(small)
        if stage != "extract":
            going = thread.submit(night.go_on)
        poll(lambda: night.faults)
        assert files(small) == before
        assert shop.predictions().equals(seen)
        ballast.unlink()
        night.again.set()
        published = going.result()
    [(failed, fault)] = night.faults
    assert failed == stage
    assert isinstance(fault, OSError)
    assert fault.errno == errno.ENOSPC
    assert f"could not be kept in the store {small}/store: No space left on device. Make room" in str(fault)
    require_whole(shop, published)
