"""The store: a folder, or any fsspec URL; a file is put there whole or not at all."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import ScoringError, UsageError


class StoreError(UsageError):
    """A store that is not there, or that we may not use."""


def remove_temporary(store: str, folder: str) -> None:
    """Remove what killed tries have left of unfinished files in a run's folder, once all of its parts are scored."""
    filesystem, root = open_store(store)
    if isinstance(filesystem, LocalFileSystem):
        for temporary in Path(f"{root}/{folder}").glob("*.tmp"):
            with suppress(OSError):  # they harm nobody
                temporary.unlink(missing_ok=True)


def fetch(store: str, path: str) -> bytes:
    """A file's bytes, as they are.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: it is none: a pipe would keep its reader waiting for ever.
    """
    filesystem, root = open_store(store)
    if isinstance(filesystem, LocalFileSystem):
        with open(os.open(f"{root}/{path}", os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StoreError(
                    f"{path} in {store} is no file, but a pipe or a device. Remove it, and see who made it."
                )
            return file.read()
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
    try:
        _make_private(Path(target).parent)
        while not _placed(target, content, exclusive=exclusive):
            pass  # another try that publishes the run has just swept it away
    except OSError as error:
        if exclusive and isinstance(error, FileExistsError):
            raise
        # Of the same type, by its number: a full disk may have room at the next try.
        raise OSError(
            error.errno,
            f"file {path} could not be kept in the store {store}: {error.strerror}. Make room or grant the right to "
            "write there, or set SCORING_STORE to another place",
        ) from error


def _placed(target: str, content: bytes | memoryview, *, exclusive: bool) -> bool:
    """Write a file beside its place and move it there; False where it was swept away before it was moved."""
    temporary = f"{target}.{uuid4().hex}.tmp"
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, target) if exclusive else os.replace(temporary, target)
        except FileNotFoundError:
            # While this try stood still, another one may have kept the file as well.
            return Path(target).exists()
        return True
    finally:
        # A store that is read-only refuses this too, also where there is no such file: the error above says more.
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)


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
