"""Who uses the embedded server: locks that the kernel takes back from whoever dies.

A pid proves nothing: it outlives its process in a file, and is given to another. A locked file names a living process.
"""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import ScoringError

logger = logging.getLogger(__name__)

WAIT_SECONDS = 180
_TELL_SECONDS = 5

# What this process holds: folder -> its pid and its locked file. A forked child inherits the entry, not the use.
_uses: dict[Path, tuple[int, IO[str]]] = {}


class EmbeddedError(ScoringError):
    """The embedded Postgres, or something around it, did not do what it was asked."""


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock of this file."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def gate(path: Path) -> Iterator[None]:
    """Be the only process that starts or stops the server; wait for another one that does.

    Raises:
        EmbeddedError: another process has not finished in `WAIT_SECONDS`.
    """
    began, warned = time.monotonic(), False
    with path.open("a+") as file:
        while not _locks(file):
            waited = time.monotonic() - began
            if waited > WAIT_SECONDS:
                raise EmbeddedError(
                    f"{_holder(path)} has been starting or stopping the embedded Postgres for {WAIT_SECONDS} s. "
                    f"End it, and try again. Lock: {path}."
                )
            if waited > _TELL_SECONDS and not warned:
                logger.warning("Waiting for %s, which starts or stops the embedded Postgres.", _holder(path))
                warned = True
            time.sleep(0.01)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def join(folder: Path) -> bool:
    """Note that this process uses the server; returns whether it did not before. Called inside of the gate."""
    if _own(folder):
        return False
    folder.mkdir(mode=0o700, exist_ok=True)
    handle, _ = tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=folder)
    file = os.fdopen(handle, "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    _uses[folder] = (os.getpid(), file)
    return True


def leave(folder: Path) -> list[int]:
    """Note that this process uses the server no longer; returns those that do. Called inside of the gate."""
    left = 0
    if file := _own(folder):
        file.close()
        left, _ = _uses.pop(folder)
    others = []
    for path in sorted(folder.glob("*-*")):
        user = int(path.name.partition("-")[0])
        # A child that was forked from this process holds what it inherited; it is no user of its own.
        if is_locked(path) and user != left:
            others.append(user)
        else:
            path.unlink()
    return others


def others(folder: Path) -> list[int]:
    """The other processes that use the server. Called inside of the gate."""
    users = {int(path.name.partition("-")[0]): path for path in sorted(folder.glob("*-*"))}
    return [user for user, path in users.items() if user != os.getpid() and is_locked(path)]


def _own(folder: Path) -> IO[str] | None:
    pid, file = _uses.get(folder, (0, None))
    return file if pid == os.getpid() else None


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    pid = path.read_text()
    return f"process {pid}" if pid else "another process"
