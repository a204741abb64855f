"""Tries of tasks as processes: begun, stopped, gone on with, killed, and waited for."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.chaos.boundaries import Boundary

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60

Json = dict[str, Any]


class HarnessError(Exception):
    """The harness itself does not work, or something hangs."""


@dataclass(frozen=True)
class Outcome:
    """What a try said in the end.

    Attributes:
        ended: done, skipped, failed (for good) or error (worth a retry).
        value: what a try that is done returned.
        error: of any other: the error's type and message.
        seconds: how long the stage took.
        seen: the durable boundaries that it came by.
        found: what was deployed when it began.
    """

    ended: str
    seconds: float
    seen: tuple[Boundary, ...]
    found: Json
    value: Any = None
    error: str = ""


@dataclass
class Try:
    """One try of one task, in a process group of its own."""

    pid: int
    request: Path
    state: str = "running"
    status: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, *states: str) -> str:
        """Wait until it is in one of these states, or has ended; returns its state."""
        with self.changed:
            wanted = {*states, "ended"}
            if not self.changed.wait_for(lambda: self.state in wanted, PATIENCE_SECONDS):
                raise HarnessError(f"{self.request}: still {self.state} after {PATIENCE_SECONDS} s")
            return self.state

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in this time."""
        with self.changed:
            return self.changed.wait_for(lambda: self.state == "ended", seconds)

    def kill(self) -> None:
        """SIGKILL to the process and all that it has begun."""
        self._signal(os.killpg, signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """SIGKILL to the first process only; what it has begun goes on."""
        self._signal(os.kill, signal.SIGKILL)

    def go_on(self) -> None:
        """SIGCONT."""
        with self.changed:
            if self.state == "stopped":
                self.state = "running"
        self._signal(os.killpg, signal.SIGCONT)

    def _signal(self, send: Any, number: int) -> None:
        with suppress(ProcessLookupError):  # it has ended
            send(self.pid, number)

    @property
    def killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    @property
    def lives(self) -> bool:
        """Whether any process of its group is left."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def outcome(self) -> Outcome | None:
        """What it said in the end; None when it was killed before."""
        path = self.request.with_suffix(".outcome")
        if not path.exists():
            return None
        document = json.loads(path.read_text())
        return Outcome(**{**document, "seen": tuple(Boundary.read(one) for one in document["seen"])})

    def orphans_outcome(self) -> Outcome:
        """What is said in the end by a process whose supervisor is gone."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (outcome := self.outcome()) is None:
            if time.monotonic() > deadline:
                raise HarnessError(f"{self.request}: the orphan has not ended after {PATIENCE_SECONDS} s")
            time.sleep(0.01)
        return outcome


class Children:
    """The warm process that forks a child for every try."""

    def __init__(self) -> None:
        # Each child computes alone: with threads the parent could not be forked safely.
        alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "SCORING_TASKS": str(os.cpu_count())}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.child"],
            cwd=ROOT, env={**os.environ, **alone}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._begun: queue.Queue[Try | None] = queue.Queue()
        self._tries: dict[int, Try] = {}
        self._asking = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        for left in self._tries.values():
            left.kill()

    def begin(self, request: Path) -> Try:
        """Fork a child for a request."""
        assert self._process.stdin is not None
        with self._asking:
            self._process.stdin.write(f"{request}\n".encode())
            self._process.stdin.flush()
            begun = self._begun.get(timeout=PATIENCE_SECONDS)
        if begun is None:
            raise HarnessError("the process that forks has ended")
        return begun

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if "request" in event:
                begun = self._tries[event["pid"]] = Try(event["pid"], Path(event["request"]))
                self._begun.put(begun)
                continue
            attempt = self._tries[event["pid"]]
            with attempt.changed:
                attempt.status = event["status"]
                attempt.state = "stopped" if os.WIFSTOPPED(event["status"]) else "ended"
                attempt.changed.notify_all()
            if attempt.state == "ended":
                del self._tries[event["pid"]]
        self._begun.put(None)
