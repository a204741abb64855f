"""A task's share of the machine that it runs on: processors and memory."""

import ctypes
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypeVar

import joblib
import psutil
import pyarrow as pa
from threadpoolctl import threadpool_limits

from pipeline.errors import UsageError

_TASKS = "SCORING_TASKS"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_C = ctypes.CDLL(None)

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_memory() -> int:
    """Bytes of memory that a task may still take: what the machine has left, or the container's limit leaves."""
    available: int = psutil.virtual_memory().available
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and limit.read_text().strip() != "max":
        available = min(available, int(limit.read_text()) - int(used.read_text()))
    return available


def share() -> int:
    """How many processors a task may use: with C processors and W tasks on the machine at a time, C / W.

    W is `SCORING_TASKS`, 1 unless set. Tasks that each take all processors only wait for one another.

    Raises:
        UsageError: SCORING_TASKS is no positive number.
    """
    tasks = os.environ.get(_TASKS, "1")
    if not tasks.isdecimal() or not int(tasks):
        raise UsageError(
            f"{_TASKS}={tasks!r}: set it to the number of tasks that run on this machine at a time"
        )
    # Counts what the container or the cpuset leaves to us.
    processors: int = joblib.cpu_count()
    return max(1, processors // int(tasks))


def limit_threads() -> None:
    """Take the task's share of the processors for Arrow, and one for whatever a model computes with in this thread.

    Raises:
        UsageError: SCORING_TASKS is no positive number.
    """
    pa.set_cpu_count(share())
    # What Arrow's own allocator keeps for later grows with the run; the system's stays flat at the same speed.
    pa.set_memory_pool(pa.system_memory_pool())
    # For libraries that are loaded with the model, and then for those that are loaded already.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    use_one_processor()


def give_back() -> None:
    """Give freed memory back to the machine. The C library keeps it in pieces, of which each part would leave more."""
    if sys.platform == "linux" and hasattr(_C, "malloc_trim"):
        _C.malloc_trim(0)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Work on items by so many threads, each on one processor, and give the results in the items' order.

    Threads of a library within one item meet at barriers, at which they spin: where other programs take their
    processors, they wait for one another most of the time. Threads that each have an item of their own do not meet.
    A few items are under way at a time, however many there are. The first item that fails, in their order, raises.
    """
    if threads == 1:
        yield from map(work, items)
        return
    with _warnings_kept(), ThreadPoolExecutor(threads, "batch", _begin, (_sklearn_settings(),)) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(copy_context().run, work, item))
                if len(under_way) > threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def _begin(settings: Mapping[str, Any]) -> None:
    """Begin a thread as its maker is set: a module of a model's own may have set scikit-learn in that thread alone."""
    use_one_processor()
    if settings:
        sys.modules["sklearn"].set_config(**settings)


def _sklearn_settings() -> Mapping[str, Any]:
    """How scikit-learn is set in this thread, where a model is in this process, as while it is registered."""
    sklearn = sys.modules.get("sklearn")
    return sklearn.get_config() if sklearn else {}


@contextmanager
def _warnings_kept() -> Iterator[None]:
    """Python's filters of warnings are all threads': scikit-learn sets them for a moment, and undoes what others set.

    Of one that meets another at this it says that its `delayed` was not used with its `Parallel`.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_others(message: Warning | str, *where: Any, **how: Any) -> None:
            if "`sklearn.utils.parallel.delayed`" not in str(message):
                show(message, *where, **how)

        warnings.showwarning = show_others
        yield


def use_one_processor() -> None:
    """Have libraries that a model calls in this thread compute on one processor."""
    # OpenMP keeps this number for each thread: one thread's says nothing about the next one's.
    threadpool_limits(1)
