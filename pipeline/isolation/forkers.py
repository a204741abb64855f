"""The process that forks workers: started once by each interpreter that a task needs, with an emptied environment.

A process that is forked from one which has started it shares it, so that the tasks of a preloaded Airflow do not each
load a model's libraries.
"""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

from pipeline.errors import ScoringError
from pipeline.isolation import places
from pipeline.project import PACKAGE

_PROGRAM = PACKAGE / "worker" / "__main__.py"
_KEPT = ("TZ", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Of what it says when it cannot begin.
_MOST_TEXT = 2000


class WorkerError(ScoringError):
    """The process of a model could not be started, or has ended before its work was done."""


class Forker:
    """One interpreter's process that forks workers."""

    def __init__(self, python: Path) -> None:
        """Start it; it loads its libraries meanwhile."""
        self._python, self._lock = python, Lock()
        self._start()

    def fork(self, descriptors: Sequence[int]) -> None:
        """Fork a worker that has these descriptors: the one for its order, and those that it hands on.

        Raises:
            WorkerError: it cannot be started.
        """
        with self._lock:
            for last in (False, True):
                try:
                    socket.send_fds(self._control, [b"w"], list(descriptors))
                    return
                except (BrokenPipeError, ConnectionResetError) as error:
                    if last:
                        raise WorkerError(f"{self._python} runs no worker: {self.output()}") from error
                    self._start()

    def output(self) -> str:
        """What it has said, such as why it ended."""
        self._output.seek(0)
        return self._output.read()[-_MOST_TEXT:].decode(errors="replace").strip()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._control = ours
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process may say something
        own = self._python == Path(sys.executable)
        settings = json.dumps({"path": places.module_folders() if own else []})
        command = [str(self._python), "-I", "-B", str(_PROGRAM), str(theirs.fileno()), settings]
        with theirs:
            try:
                process = subprocess.Popen(
                    command,
                    env=_environment(os.environ),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._output,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerError(f"{self._python} cannot be started: {error.strerror}.") from error
        # It ends by itself, too, once nobody holds the other end of its socket; this is for whoever leaves in order.
        atexit.register(_end, process, os.getpid(), ours, self._output)


def begin() -> None:
    """Start this interpreter's process, so that it loads its libraries while the caller loads its own.

    Where it cannot be started, the first model that is opened says so.
    """
    with suppress(WorkerError):
        forker(Path(sys.executable))


@cache
def forker(python: Path) -> Forker:
    """The process of an interpreter, started when it is first asked for."""
    return Forker(python)


def _end(process: subprocess.Popen[bytes], starter: int, *files: socket.socket | IO[bytes]) -> None:
    for file in files:
        file.close()
    if os.getpid() == starter:
        process.kill()
        process.wait()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """All that a worker gets of a task's environment, and one thread for whatever a model computes with."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    return {"PATH": os.defpath, "ARROW_DEFAULT_MEMORY_POOL": "system", **dict.fromkeys(_THREADS, "1"), **kept}
