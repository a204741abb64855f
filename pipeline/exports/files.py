"""A file of rows, written aside and renamed when it is whole: what is interrupted leaves nothing behind."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.errors import UsageError

# Rows of a group of a Parquet file; so many are in memory at a time, whatever the size of the parts.
GROUP_ROWS = 65_536


class FileError(UsageError):
    """A file that is there already, or cannot be written."""


class Format(StrEnum):
    """What a file is written as."""

    PARQUET = "parquet"
    CSV = "csv"


class Rows(Protocol):
    """Where rows are written."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is left."""


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        if sum(one.num_rows for one in self._held) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        if self._held:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._held), row_group_size=GROUP_ROWS)
        self._held = []


class _Csv:
    """Text is quoted, so that an empty text and a missing value differ; times are in UTC."""

    def __init__(self, sink: object, schema: pa.Schema) -> None:
        self._writer = pa_csv.CSVWriter(sink, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _Explained:
    """Rows of a file, whose faults name it: a disk that is full is no fault of the rows."""

    def __init__(self, rows: Rows, path: Path) -> None:
        self._rows, self._path = rows, path

    def write(self, batch: pa.RecordBatch) -> None:
        with _explained(self._path):
            self._rows.write(batch)

    def close(self) -> None:
        with _explained(self._path):
            self._rows.close()


@contextmanager
def opened(path: Path | None, kind: Format, schema: pa.Schema, *, force: bool = False) -> Iterator[Rows]:
    """A place for rows: the standard output, or a file that is there when all of them are, and not before.

    Args:
        path: the file; None for the standard output, which takes CSV.
        kind: what it is written as.
        schema: the columns.
        force: replace a file that is there.

    Raises:
        FileError: the file is there already, or its folder cannot be written.
    """
    if path is None:
        rows = _Csv(sys.stdout.buffer, schema)
        yield rows
        rows.close()
        sys.stdout.buffer.flush()
        return
    _require_new(path, force)
    aside = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        with _explained(path):
            # What replaces a file is read by the same people.
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666
            os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
            writer: Rows = (_Parquet if kind is Format.PARQUET else _Csv)(aside, schema)
        explained = _Explained(writer, path)
        try:
            yield explained
        except BaseException:
            with suppress(OSError, pa.ArrowException):  # what was wrong first is what is said
                writer.close()
            raise
        explained.close()
        _require_new(path, force)
        with _explained(path):
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            _rename(aside, path, force)
    finally:
        aside.unlink(missing_ok=True)


def _require_new(path: Path, force: bool) -> None:
    if path.is_dir():
        raise FileError(f"{path} is a folder. Name a file: --out FILE.")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise FileError(f"{path} is a link or a device, and no file. Name a file: --out FILE.")
    if path.exists() and not force:
        raise FileError(
            f"{path} is there already. Replace it with --force, or name another file: --out FILE."
        )


def _rename(aside: Path, path: Path, force: bool) -> None:
    """Give a whole file its name, which nobody else has taken meanwhile unless it is to be replaced."""
    if not force:
        try:
            os.link(aside, path)
        except FileExistsError:
            _require_new(path, force)
        except OSError:  # a file system without links
            pass
        else:
            return
    aside.replace(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(f"{path} cannot be written: {why}. Name another file: --out FILE.") from None
