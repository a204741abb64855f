"""pipeline/store/parts.py: a file is what was written, to the last bit, or it is refused."""

import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.payloads import Part
from pipeline.store import files, parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError, PartWriter
from tests.home import shop_rows

REF = RunRef("shop", date(2024, 3, 1), 7)
PATH = REF.input(3)


def rows() -> pa.RecordBatch:
    """Rows of a part."""
    return pa.RecordBatch.from_pandas(shop_rows(500), preserve_index=False)


def save(store: str) -> Part:
    """Save a part of two batches."""
    batch = rows()
    writer = PartWriter(batch.schema)
    writer.write(batch.slice(0, 200))
    writer.write(batch.slice(200))
    return writer.save(store, PATH, 3)


def read(store: str, part: Part) -> pa.Table:
    """A part as one table."""
    return pa.Table.from_batches(parts.read(store, PATH, part))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Part]:
    """A store with one part."""
    store = tmp_path_factory.mktemp("store")
    return store, save(str(store))


def test_a_part_is_read_as_it_was_written(saved: tuple[Path, Part]) -> None:
    store, part = saved
    assert (part.number, part.rows) == (3, 500)
    assert read(str(store), part).equals(pa.Table.from_batches([rows()]))


def test_any_flipped_bit_is_found(saved: tuple[Path, Part], tmp_path: Path) -> None:
    store, part = saved
    content = (store / PATH).read_bytes()
    (tmp_path / PATH).parent.mkdir(parents=True)

    @given(place=st.integers(0, len(content) * 8 - 1))
    @settings(max_examples=200)
    def flip(place: int) -> None:
        spoilt = bytearray(content)
        spoilt[place // 8] ^= 1 << place % 8
        (tmp_path / PATH).write_bytes(spoilt)
        with pytest.raises(PartError, match=r"part-00003\.parquet in .* is not what was written: SHA-256"):
            read(str(tmp_path), part)

    flip()


def test_any_truncation_is_found(saved: tuple[Path, Part], tmp_path: Path) -> None:
    store, part = saved
    content = (store / PATH).read_bytes()
    (tmp_path / PATH).parent.mkdir(parents=True)

    @given(length=st.integers(0, len(content) - 1))
    @settings(max_examples=50)
    def cut(length: int) -> None:
        (tmp_path / PATH).write_bytes(content[:length])
        with pytest.raises(PartError, match="is not what was written"):
            read(str(tmp_path), part)

    cut()


def test_pages_carry_checksums(saved: tuple[Path, Part]) -> None:
    store, _ = saved
    file = store / PATH
    content = bytearray(file.read_bytes())
    offset = pq.ParquetFile(file).metadata.row_group(0).column(0).data_page_offset
    content[offset + 60] ^= 1
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        pq.ParquetFile(pa.BufferReader(bytes(content)), page_checksum_verification=True).read()


def test_another_part_in_its_place_is_found(tmp_path: Path) -> None:
    part = save(str(tmp_path))
    batch = rows().slice(0, 10)
    other = PartWriter(batch.schema)
    other.write(batch)
    other.save(str(tmp_path), PATH, 3)
    with pytest.raises(PartError, match="is not what was written"):
        read(str(tmp_path), part)


def test_a_missing_part_says_what_to_do(tmp_path: Path) -> None:
    part = Part(number=3, rows=1, size=1, sha256="0" * 64)
    with pytest.raises(PartError, match=f"part {PATH} is missing from .*Clear the task `extract`"):
        read(str(tmp_path), part)


def test_a_part_saved_again_replaces_the_old_one_and_leaves_nothing_behind(tmp_path: Path) -> None:
    first, second = save(str(tmp_path)), save(str(tmp_path))
    assert first == second
    assert [path.name for path in (tmp_path / PATH).parent.iterdir()] == ["part-00003.parquet"]


def test_a_part_that_cannot_be_saved_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / PATH).mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        save(str(tmp_path))
    assert [path.name for path in (tmp_path / PATH).parent.iterdir()] == ["part-00003.parquet"]


def test_a_try_that_stood_still_until_its_file_was_swept_away_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def stand_still(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        save(str(tmp_path))
        files.remove_temporary(str(tmp_path), REF.folder)

    monkeypatch.setattr(os, "fsync", stand_still)
    part = save(str(tmp_path))
    assert read(str(tmp_path), part).num_rows == 500
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_an_empty_part_is_a_part(tmp_path: Path) -> None:
    writer = PartWriter(rows().schema)
    part = writer.save(str(tmp_path), PATH, 3)
    assert part.rows == 0
    assert list(parts.read(str(tmp_path), PATH, part)) == []


def test_a_store_may_be_any_file_system(saved: tuple[Path, Part]) -> None:
    store = "memory://night/store"
    part = save(store)
    assert part == saved[1]
    assert read(store, part).num_rows == 500
    with pytest.raises(PartError, match="is missing from memory://night/store/elsewhere"):
        read(f"{store}/elsewhere", part)
