"""pipeline/candidates/handover.py: training rows lie in the store for as long as a training takes."""

import os
import time
from pathlib import Path

import pytest

from pipeline.candidates import handover


def test_rows_come_as_they_went_and_old_ones_go(tmp_path: Path) -> None:
    store, rows, copy = str(tmp_path / "store"), tmp_path / "rows", tmp_path / "copy"
    rows.write_bytes(b"rows")
    for trigger in ("killed", "scheduled__2024/../x"):
        handover.put(store, "shop", trigger, rows)
    handover.fetch(store, "shop", "killed", copy)
    assert copy.read_bytes() == b"rows"
    week_and_more = time.time() - 9 * 86_400
    for path in Path(store).rglob("*.parquet"):
        assert path.stat().st_mode & 0o077 == 0
        os.utime(path, (week_and_more, week_and_more))
    handover.put(store, "shop", "next", rows)
    with pytest.raises(FileNotFoundError):
        handover.fetch(store, "shop", "killed", copy)
    for _ in range(2):
        handover.remove(store, "shop", "next")
    assert [*Path(store).rglob("*.parquet")] == []
