"""What a task takes: its time by the clock and of the processor, and the most memory that its processes have held."""

import resource
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from time import perf_counter, process_time, time
from typing import Any

from pipeline.payloads import Cost

_STATUS = Path("/proc/self/status")

# What processes have taken that work for this one: seconds of the processor in all, the peak of each that lives, and
# the most that those which lived at the same time have held together.
# More of either is said by no process of ours.
_MOST_SECONDS, _MOST_BYTES = 1e7, 1 << 50
_others_lock = Lock()
_others_seconds = 0.0
_others_peaks: dict[int, int] = {}
_others_most = 0


class Clock:
    """Takes a stage's cost."""

    def __init__(self) -> None:
        """Start now."""
        self._began, self._started = time(), perf_counter()

    def cost(self) -> Cost:
        """The cost until now."""
        return Cost(
            seconds=round(perf_counter() - self._started, 4),
            peak_mb=round((_peak() + _others_most) / 1e6, 1),
            began=round(self._began, 4),
        )


def processor_seconds() -> float:
    """Seconds of the processor that this process has taken, and those that work for it."""
    return process_time() + _others_seconds


def add_other(key: int, seconds: Any, peak: Any) -> None:
    """Add what a process says of itself that works for this one.

    Args:
        key: tells it from others.
        seconds: of the processor, since it was last asked.
        peak: the most bytes of memory that it has held.
    """
    global _others_seconds, _others_most
    with _others_lock:
        if isinstance(seconds, int | float) and 0 <= seconds < _MOST_SECONDS:
            _others_seconds += float(seconds)
        _others_peaks[key] = peak if isinstance(peak, int) and 0 <= peak < _MOST_BYTES else 0
        _others_most = max(_others_most, sum(_others_peaks.values()))


def forget_other(key: int) -> None:
    """Count a process's memory no longer with that of later ones: it has ended."""
    with _others_lock:
        _others_peaks.pop(key, None)


def by_the_clock(costs: Iterable[Cost]) -> float:
    """Seconds in which at least one of these stages was at work: those of stages side by side count once."""
    seconds, last = 0.0, float("-inf")
    for cost in sorted(costs, key=lambda cost: cost.began):
        end = cost.began + cost.seconds
        seconds, last = seconds + max(0.0, end - max(last, cost.began)), max(last, end)
    return seconds


def _peak() -> int:
    """The most memory that this process has held so far, in bytes."""
    if _STATUS.exists():
        # Not ru_maxrss: on Linux a child begins with its parent's.
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
