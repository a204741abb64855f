"""The files of a run: Parquet with page checksums, written whole or not at all, and known by their SHA-256."""

import hashlib
import io
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ScoringError
from pipeline.payloads import Part
from pipeline.store.files import fetch, put

ROWS_PER_GROUP = 32_768


class PartError(ScoringError):
    """A part that is missing, or whose bytes are not those that were written."""


class MissingPart(PartError):
    """A part that is not in the store.

    Attributes:
        path: where it should be, below the store.
    """

    def __init__(self, store: str, path: str) -> None:
        """Say what is missing, and where."""
        super().__init__(f"part {path} is missing from {store}. Clear the task `extract` to make it again.")
        self.path = path


class FileDigest(Protocol):
    """What has to be known of a file to read it: the digest of the bytes that were written."""

    @property
    def sha256(self) -> str:
        """SHA-256 in hexadecimal digits."""


class PartWriter:
    """Collects one part's batches in memory, compressed, and saves them in one piece."""

    def __init__(self, schema: pa.Schema) -> None:
        """Start an empty part with the given columns."""
        self._buffer = io.BytesIO()
        self._writer = pq.ParquetWriter(
            self._buffer, schema, compression="zstd", compression_level=1, write_page_checksum=True
        )
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._writer.write_batch(batch, row_group_size=ROWS_PER_GROUP)
        self.rows += batch.num_rows

    def close(self) -> int:
        """End the part; returns its size in bytes."""
        self._writer.close()
        return self._buffer.getbuffer().nbytes

    def sha256(self) -> str:
        """End the part; returns the digest of its bytes."""
        self.close()
        return hashlib.sha256(self._buffer.getbuffer()).hexdigest()

    def save(self, store: str, path: str, number: int) -> Part:
        """Close the part and put it at `path` below the store; a file of that name is replaced at once."""
        size = self.close()
        put(store, path, self._buffer.getbuffer())  # no second copy
        return Part(number=number, rows=self.rows, size=size, sha256=self.sha256())


def read(
    store: str, path: str, part: FileDigest, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """A part's batches, after checking that its bytes are those that were written.

    Args:
        store: where runs keep their parts.
        path: the part's file below the store.
        part: the part as it was written.
        columns: the columns to read, all unless given; those that the part has not are left out.

    Raises:
        PartError: the file is missing or differs from its SHA-256.
    """
    try:
        content = fetch(store, path)
    except FileNotFoundError as error:
        raise MissingPart(store, path) from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != part.sha256:
        raise PartError(
            f"part {path} in {store} is not what was written: SHA-256 {actual}, expected {part.sha256}. "
            "Clear the task `extract` to make it again, and have the storage checked."
        )
    return _batches(content, columns)


def _batches(content: bytes, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    # Apart from the check, whose errors come at once: a driver that pulls the batches would wrap them in its own.
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
        yield from file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns)
