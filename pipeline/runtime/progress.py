"""How far a long stage has come, logged every few seconds."""

import logging
from collections.abc import Callable
from time import perf_counter

# Often enough to see that a stage lives, seldom enough to keep the log readable.
EVERY_SECONDS = 5.0


class Progress:
    """Counts rows and logs, every few seconds: rows done, rows per second, and time left if the total is given."""

    def __init__(
        self,
        log: logging.Logger,
        what: str,
        total: int | None = None,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        """Start now; `total` is the number of rows in all, None where nobody knows it."""
        self._log, self._what, self._total, self._now = log, what, total, now
        self._started = self._said = now()
        self._rows = 0

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self._rows += rows
        now = self._now()
        if now - self._said < EVERY_SECONDS:
            return
        self._said = now
        pace = self._rows / (now - self._started)
        if self._total is None:
            self._log.info("%s: %s rows, %.0f rows/s", self._what, f"{self._rows:,}", pace)
        elif pace:
            left = (self._total - self._rows) / pace
            self._log.info(
                "%s: %s of %s rows, %.0f rows/s, %.0f s left",
                self._what,
                f"{self._rows:,}",
                f"{self._total:,}",
                pace,
                left,
            )
