"""A task's share of the machine that it runs on: processors and memory."""

import os
from pathlib import Path

import joblib
import psutil
import pyarrow as pa
from threadpoolctl import threadpool_limits

from pipeline.errors import UsageError

_TASKS = "SCORING_TASKS"


def available_memory() -> int:
    """Bytes of memory that a task may still take: what the machine has left, or the container's limit leaves."""
    found: int = psutil.virtual_memory().available
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and limit.read_text().strip() != "max":
        found = min(found, int(limit.read_text()) - int(used.read_text()))
    return found


def claim(beside: int = 1) -> int:
    """Take this thread's share of the processors, for Arrow and for what the model computes with; returns its size.

    Tasks that each take all processors only wait for one another. With C processors, W tasks on the machine at a time
    (`SCORING_TASKS`, 1 unless set) and so many stages side by side in this one, the share is C / W / beside.

    Raises:
        UsageError: SCORING_TASKS is no positive number.
    """
    said = os.environ.get(_TASKS, "1")
    if not said.isdecimal() or not int(said):
        raise UsageError(
            f"{_TASKS}={said!r}: set it to the number of tasks that run on this machine at a time"
        )
    # Counts what the container or the cpuset leaves to us.
    share: int = max(1, joblib.cpu_count() // int(said) // beside)
    pa.set_cpu_count(share)
    # What Arrow's own allocator keeps for later grows with the night; the system's stays flat at the same speed.
    pa.set_memory_pool(pa.system_memory_pool())
    # For libraries that are loaded with the model, and then for those that are loaded already.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(share)
    threadpool_limits(share)
    return share
