"""This machine's copies of large files: fetched once, read-only, and believed only where their SHA-256 is right.

A copy is hashed each time that it is asked for. So it does not matter who else can write into the folder: a copy that
was altered is thrown away and fetched again.
"""

import errno
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pipeline.errors import UsageError
from pipeline.store import artefacts
from pipeline.store.artefacts import Artefact

SETTING, LIMIT = "SCORING_ARTEFACTS_CACHE", "SCORING_ARTEFACTS_CACHE_GB"
_USUAL_GB = 20
# Seconds in which a copy that was asked for may still be about to be opened, or a download be under way.
_IN_USE = 3600
_BLOCK = 8 << 20
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

log = logging.getLogger(__name__)


def fetch(store: str | None, cache: Path, artefact: Artefact) -> Path:
    """A read-only local copy of a file, whose bytes are those of its digest.

    Args:
        store: where large files are kept, if that is configured.
        cache: the folder of this machine's copies.
        artefact: the file.

    Raises:
        ArtefactError: there is no good copy, and none can be fetched.
        OSError: the store did not answer, or the folder cannot be written.
    """
    path = cache / artefact.sha256
    if _intact(path, artefact):
        return path
    if not store:
        raise artefacts.unset(artefact)
    limit = _limit()
    with _writing(cache), _alone(cache, artefact):
        # Whoever was waited for has fetched it.
        if not _intact(path, artefact):
            _download(store, path, artefact)
            _make_room(cache, path, limit)
    return path


def _intact(path: Path, artefact: Artefact) -> bool:
    """Whether a copy is there and right; one that is in use is marked as such."""
    digest = hashlib.sha256()
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return False
    if digest.hexdigest() != artefact.sha256:
        log.warning("%s: this machine's copy is damaged: %s; it is fetched again", artefact.name, path)
        return False
    with suppress(OSError):  # a folder that is read-only is never tidied either
        os.utime(path)
    return True


def _download(store: str, path: Path, artefact: Artefact) -> None:
    began, temporary = time.monotonic(), path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444), "wb") as file:
            artefacts.copy(store, artefact, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    log.info("%s: %s bytes fetched in %.1f s", artefact.name, artefact.size, time.monotonic() - began)


def _make_room(cache: Path, keep: Path, limit: float) -> None:
    """Remove what was not asked for the longest, until the rest is within the limit."""
    entries = []
    for path in cache.iterdir():
        with suppress(OSError):  # another process has removed it
            entries.append((path.stat().st_mtime, path.stat().st_size, path))
    total, now = sum(size for _, size, _ in entries), time.time()
    for used, size, path in sorted(entries):
        unfinished = path.suffix == ".tmp"
        if path == keep or now - used < _IN_USE or (total <= limit and not unfinished):
            continue
        with suppress(OSError):
            path.unlink()
            total -= size


def _limit() -> float:
    value = os.environ.get(LIMIT) or str(_USUAL_GB)
    try:
        limit = float(value) * 1e9
    except ValueError:
        limit = -1
    if not limit > 0:
        raise UsageError(f"{LIMIT}={value!r}: set it to a number of gigabytes, such as {_USUAL_GB}.")
    return limit


@contextmanager
def _alone(cache: Path, artefact: Artefact) -> Iterator[None]:
    """Have one process of this machine fetch a file, and the others wait for it."""
    lock = os.open(cache / f"{artefact.sha256}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    """Say what to do about a folder that cannot be written."""
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:  # the store's
            raise
        raise OSError(
            error.errno,
            f"a large file of a model cannot be copied to {cache}: {error.strerror}. Make room or grant the right to "
            f"write there, or set {SETTING} to another folder",
        ) from error
