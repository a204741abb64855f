"""The files of a run: Parquet with page checksums, written whole or not at all, and known by their SHA-256."""

import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import ScoringError, UsageError
from pipeline.stage import Part

ROWS_PER_GROUP = 32_768
PARTS_OF_A_SIZE = 32


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


class StoreError(UsageError):
    """A store that is not there, or that we may not use."""


class Written(Protocol):
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


def sizes(rows: int, shards: int = 1) -> Iterator[int]:
    """How many rows each part takes: twice as many after every 32 parts, of all the shards together.

    However large a night is, it makes a few hundred parts: a billion rows at 100,000 make 266. Airflow maps a task over
    1024 parts at most, and each has a cost of its own. A rule, and not an estimate of the night, so that the same rows
    are always cut into the same parts.
    """
    while True:
        yield from [rows] * max(1, PARTS_OF_A_SIZE // shards)
        rows *= 2


def folder(job: str, score_date: str, run_id: int) -> str:
    """A run's folder below the store."""
    return f"{job}/{score_date}/{run_id}"


def input_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where a part's rows are."""
    return f"{folder(job, score_date, run_id)}/part-{number:05d}.parquet"


def scored_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where a part's scores are."""
    return f"{folder(job, score_date, run_id)}/scored-{number:05d}.parquet"


def profile_path(job: str, score_date: str, run_id: int, number: int) -> str:
    """Where the profile of a part's rows and scores is."""
    return f"{folder(job, score_date, run_id)}/profile-{number:05d}.parquet"


def sweep(store: str, folder: str) -> None:
    """Remove what killed tries have left of unfinished files in a run's folder, once all of its parts are scored."""
    filesystem, root = open_store(store)
    if isinstance(filesystem, LocalFileSystem):
        for left in Path(f"{root}/{folder}").glob("*.tmp"):
            left.unlink(missing_ok=True)


def read(store: str, path: str, part: Written, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
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
    found = hashlib.sha256(content).hexdigest()
    if found != part.sha256:
        raise PartError(
            f"part {path} in {store} is not what was written: SHA-256 {found}, expected {part.sha256}. "
            "Clear the task `extract` to make it again, and have the storage checked."
        )
    return _batches(content, columns)


def fetch(store: str, path: str) -> bytes:
    """A file's bytes, as they are.

    Raises:
        FileNotFoundError: there is no such file.
    """
    filesystem, root = open_store(store)
    with reaching(store):
        return bytes(filesystem.cat_file(f"{root}/{path}"))


def put(store: str, path: str, content: bytes | memoryview, *, exclusive: bool = False) -> None:
    """Put a file at `path` below the store, whole or not at all; one of that name is replaced at once.

    Args:
        store: where runs keep their parts.
        path: the file below the store.
        content: its bytes.
        exclusive: refuse where there is a file of that name. Folders and S3 hold this against two that write at once.

    Raises:
        FileExistsError: exclusive, and there is one.
        StoreError: the store refuses to be written.
    """
    filesystem, root = open_store(store)
    target = f"{root}/{path}"
    if not isinstance(filesystem, LocalFileSystem):
        try:
            with reaching(store):
                # An object appears whole when its upload ends.
                filesystem.pipe_file(target, bytes(content), **({"mode": "create"} if exclusive else {}))
        except (FileNotFoundError, PermissionError) as error:
            raise StoreError(
                f"the store {store} refuses to be written: {error}. Make the bucket, grant the right to write, or "
                "correct SCORING_STORE."
            ) from error
        return
    aside = f"{target}.{uuid4().hex}.tmp"
    try:
        _make_private(Path(target).parent)
        with open(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, target) if exclusive else os.replace(aside, target)
        except FileNotFoundError:
            # Swept away while this try stood still: another one has kept the part.
            if not Path(target).exists():
                raise
    except OSError as error:
        if exclusive and isinstance(error, FileExistsError):
            raise
        # Of the same type, by its number: a full disk may have room at the next try.
        raise OSError(
            error.errno,
            f"part {path} could not be kept in the store {store}: {error.strerror}. Make room or grant the right to "
            "write there, or set SCORING_STORE to another place",
        ) from error
    finally:
        Path(aside).unlink(missing_ok=True)


def open_store(store: str) -> tuple[AbstractFileSystem, str]:
    """The store's filesystem, and its path there.

    Raises:
        StoreError: its protocol is unknown, the package for it is missing, or it holds a password.
    """
    if re.search(r"://[^/@]*:[^/]*@", store):
        # Errors and logs name the store; a password in it would stand there too.
        raise StoreError(
            "the store holds a password, which would come into logs. Take it out of SCORING_STORE, and set it where "
            "its client looks: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://, else FSSPEC_<PROTOCOL>_<OPTION>."
        )
    try:
        filesystem, root = url_to_fs(store)
    except (ValueError, ImportError) as error:
        raise StoreError(
            f"the store {store} cannot be used: {error}. Set SCORING_STORE to a folder or to an fsspec URL, and add "
            "its package to requirements.in, as s3fs for s3:// and gcsfs for gs://."
        ) from error
    return filesystem, root


def _batches(content: bytes, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    # Apart from the check, whose errors come at once: a driver that pulls the batches would wrap them in its own.
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
        yield from file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns)


def _make_private(folder: Path) -> None:
    # Not mkdir(parents=True): it opens all folders but the last to everybody.
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def reaching(store: str) -> Iterator[None]:
    """Turn a cloud client's own errors into an OSError, which is worth a retry."""
    try:
        yield
    except (OSError, ScoringError):
        raise
    except Exception as error:  # each client has its own errors, of no common base
        raise OSError(f"the store {store} did not answer: {type(error).__name__}: {error}") from error
