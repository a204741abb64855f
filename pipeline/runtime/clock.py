"""What a task takes: its time by the clock, and the most memory that its process has held."""

import resource
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter, time

from pipeline.payloads import Cost

_STATUS = Path("/proc/self/status")


class Clock:
    """Takes a stage's cost."""

    def __init__(self) -> None:
        """Start now."""
        self._began, self._started = time(), perf_counter()

    def cost(self) -> Cost:
        """The cost until now."""
        return Cost(
            seconds=round(perf_counter() - self._started, 4),
            peak_mb=round(_peak() / 1e6, 1),
            began=round(self._began, 4),
        )


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
