"""Durable boundaries: the calls after which a stage's work outlives it, wrapped from outside while one try runs.

The pipeline knows nothing of this. A child counts the boundaries that it comes by, so that a census of an undisturbed
night lists them all, and does at one of them what it was told to: dies, stands still, or deploys something else.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import wraps
from typing import Any, Self
from unittest.mock import patch

import adbc_driver_postgresql.dbapi as adbc
from sqlalchemy.engine.default import DefaultDialect

from pipeline.tasks import publish

# kind -> what holds the function, and its name. Every durable change of the pipeline goes through one of these.
WRAPPED: tuple[tuple[str, Any, str], ...] = (
    ("rename", os, "replace"),
    ("fsync", os, "fsync"),
    ("copy", adbc.Cursor, "adbc_ingest"),
    ("commit", adbc.Connection, "commit"),
    ("commit", DefaultDialect, "do_commit"),
    ("flip", publish, "move_pointer"),
)
EDGES = ("before", "after")
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True, order=True)
class Boundary:
    """An instant of a stage.

    Attributes:
        kind: rename, fsync, copy, commit or flip.
        ordinal: which of its kind in one try, from 1.
        edge: before or after the call.
    """

    kind: str
    ordinal: int
    edge: str

    def __str__(self) -> str:
        return f"{self.edge} {self.kind} {self.ordinal}"

    def json_value(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        """From its JSON form."""
        return cls(**value)


@dataclass
class Watch:
    """Counts boundaries, and acts at one of them.

    Attributes:
        act: kill, stop or deploy.
        at: where to act; nowhere when None.
        deploy: changes what is deployed.
    """

    act: str
    at: Boundary | None
    deploy: Callable[[], None]

    def __post_init__(self) -> None:
        self.seen: list[Boundary] = []
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def around(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with an instant before it and one after it."""

        @wraps(call)
        def watched(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                self._counts[kind] += 1
                before, after = (Boundary(kind, self._counts[kind], edge) for edge in EDGES)
            self._pass(before)
            answer = call(*arguments, **options)
            self._pass(after)
            return answer

        return watched

    def _pass(self, boundary: Boundary) -> None:
        self.seen.append(boundary)
        if boundary != self.at:
            return
        if self.act == "deploy":
            self.deploy()
        else:
            os.kill(os.getpid(), SIGNALS[self.act])


@contextmanager
def watched(act: str, at: Boundary | None, deploy: Callable[[], None]) -> Iterator[Watch]:
    """Within the block, every durable boundary of this process is counted, and one of them acted at."""
    watch, patches = Watch(act, at, deploy), []
    try:
        for kind, holder, name in WRAPPED:
            patches.append(patch.object(holder, name, watch.around(kind, getattr(holder, name))))
            patches[-1].start()
        yield watch
    finally:
        for one in reversed(patches):
            one.stop()
