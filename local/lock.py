"""Who runs the local Airflow of a folder: one process at a time, known by pid and time of creation."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from local.processes import LocalError

# psutil's times of creation are exact to the clock tick; a boot time corrected meanwhile moves them by a second.
_SAME = 2.0


@contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Be the one that runs what is in `folder`; the kernel takes the lock back from a process that dies.

    Raises:
        LocalError: another living process is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = holder(folder)
            who = f"process {owner.pid}" if owner else "another process"
            raise LocalError(
                f"{who} is running the Airflow of {folder} already. Use that one, or stop it with `make down`."
            ) from None
        file.truncate(0)
        json.dump({"pid": os.getpid(), "created": psutil.Process().create_time()}, file)
        file.flush()
        try:
            yield path
        finally:
            file.truncate(0)


def holder(folder: Path) -> psutil.Process | None:
    """The living process that holds the lock, or None.

    A pid alone proves nothing: it may belong to somebody else by now. So the file must be locked, and the
    process must have been created when the file says.
    """
    path = _path(folder)
    if not path.exists() or not _locked(path):
        return None
    try:
        record = json.loads(path.read_text())
        process = psutil.Process(record["pid"])
        return process if abs(process.create_time() - record["created"]) < _SAME else None
    except (ValueError, KeyError, TypeError, psutil.Error):
        return None


def _path(folder: Path) -> Path:
    return folder / "lease.json"


def _locked(path: Path) -> bool:
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
