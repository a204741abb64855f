"""Child processes that leave nothing behind.

Every child is the leader of its own session, and carries a mark in its environment that its children inherit. What
a group signal misses (Airflow's tasks make groups of their own) or a crash left is found again by that mark.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from pipeline.errors import ScoringError

MARK = "SCORING_LOCAL"
_PART = "SCORING_LOCAL_PART"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LocalError(ScoringError):
    """The local Airflow, or something around it, did not do what it was asked."""


@dataclass(frozen=True)
class Child:
    """A process that this one started.

    Attributes:
        name: what to call it in messages.
        process: its handle.
        log: the file that takes what it prints.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise when the process has ended.

        Raises:
            LocalError: it has; the message holds the end of its log.
        """
        if (code := self.process.poll()) is not None:
            raise LocalError(
                f"{self.name} ended with exit code {code}. The end of {self.log}:\n{tail(self.log)}"
            )

    def listens(self, port: int) -> bool:
        """Whether the process itself, and no other, listens on a port."""
        try:
            connections = psutil.Process(self.process.pid).net_connections("inet")
        except psutil.Error:
            return False
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in connections
        )


def spawn(name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> Child:
    """Start a marked process in a session of its own, so that no Ctrl-C reaches it but ours."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**environ, MARK: str(folder.resolve()), _PART: name},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def marked(folder: Path, spare: str = "") -> list[psutil.Process]:
    """Every living process of this user that was started for `folder`, however it was orphaned.

    Args:
        folder: what `spawn` was given.
        spare: leave out the child of this name, and its children.
    """
    processes, mark = [], str(folder.resolve())
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environ = process.environ()
            if environ.get(MARK) != mark or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if not spare or environ.get(_PART) != spare:
                processes.append(process)
    return processes


def stop(folder: Path, spare: str = "", grace: float = 8.0) -> int:
    """End every process that was started for `folder`: asked first, killed after `grace` seconds.

    Args:
        folder: what `spawn` was given.
        spare: leave the child of this name alone.
        grace: seconds until those that are left are killed.

    Returns:
        How many there were.
    """
    with undisturbed():
        processes = marked(folder, spare)
        _signal(processes, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while left := marked(folder, spare):
            if time.monotonic() > deadline:
                _signal(left, signal.SIGKILL)
            time.sleep(0.05)
    return len(processes)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message."""
    text = log.read_text(errors="replace") if log.exists() else "(no log was written)"
    return "\n".join(text.rstrip().splitlines()[-lines:])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and its like for as long as cleaning up takes, which is bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `finally` and `atexit` do their work."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        # psutil compares the time of creation first: a pid that was given away meanwhile is left alone.
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
