"""The embedded Postgres after a crash: is it still there, and stopping it when nobody uses it."""

import os
from pathlib import Path

import psutil

from pipeline.embedded import forget_dead, library


def stop(data: Path) -> list[int]:
    """Stop the server whose data is in `data`, unless other living processes use it.

    Returns:
        Those processes.
    """
    holders = [pid for pid in forget_dead(data) if pid != os.getpid()]
    if not holders and is_running(data):
        library().get_server(data).cleanup()
    return holders


def is_running(data: Path) -> bool:
    """Whether the server of this data folder runs. A left-over pid file alone proves nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        return str(data) in psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return False
