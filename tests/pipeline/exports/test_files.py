"""pipeline/exports/files.py: a file is whole or not there, and replaces another only where that is asked for."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.exports import export as exporting
from pipeline.exports.files import FileError, Format, opened
from tests.pipeline.exports.exported import exported, read
from tests.pipeline.shop import Shop


def test_a_file_that_is_there_stays_unless_force_is_given(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    path.write_text("mine")
    with pytest.raises(FileError, match=r"all\.parquet is there already\. Replace it with --force"):
        exported(shop, path)
    assert path.read_text() == "mine"
    exported(shop, path, force=True)
    assert len(read(path)) == 200
    path.chmod(0o600)
    exported(shop, path, force=True)
    assert path.stat().st_mode & 0o777 == 0o600  # who could not read it cannot read what replaces it
    (tmp_path / "link.parquet").symlink_to(tmp_path / "gone")
    for name in ("link.parquet", "/dev/null"):
        with pytest.raises(FileError, match="is a link or a device, and no file"):
            exported(shop, tmp_path / name, force=True)
    with pytest.raises(FileError, match="is a folder"):
        exported(shop, tmp_path, force=True)
    with pytest.raises(FileError, match=r"cannot be written: No such file or directory\. Name another"):
        exported(shop, tmp_path / "nowhere" / "all.parquet")


def test_no_more_than_a_part_and_a_group_are_in_memory(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded by construction: batches come part by part, and a group is written as soon as it is full."""
    monkeypatch.setattr("pipeline.exports.files.GROUP_ROWS", 40)
    written: list[int] = []
    write_table = pq.ParquetWriter.write_table

    def count(self: pq.ParquetWriter, table: pa.Table, **options: Any) -> None:
        written.append(table.num_rows)
        write_table(self, table, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", count)
    exported(shop, tmp_path / "all.parquet")
    assert max(written) < 40 + 40  # what is held, and one part more
    assert sum(written) == 200


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


@pytest.mark.parametrize("kind", Format)
def test_of_two_exports_at_once_to_one_file_the_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    path, row, sync = tmp_path / "all", pa.record_batch({"row": [1]}), os.fsync

    def end_first(file: int) -> None:
        """The other one ends between this one's look and its renaming."""
        sync(file)
        path.write_text("whole")

    def export() -> None:
        with opened(path, kind, row.schema) as rows:
            rows.write(row)

    monkeypatch.setattr(os, "fsync", end_first)
    with pytest.raises(FileError, match="all is there already"):
        export()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("all", "whole")]


@pytest.mark.parametrize("kind", Format)
def test_a_disk_that_is_full_is_said_with_the_file_and_leaves_nothing(tmp_path: Path, kind: Format) -> None:
    rows = pa.record_batch({"row": pa.array(np.random.default_rng(1).random(100_000))})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with (
            pytest.raises(FileError, match=r"all cannot be written: File too large.*--out FILE"),
            opened(tmp_path / "all", kind, rows.schema) as full,
        ):
            full.write(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
