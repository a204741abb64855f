"""A program over a team's own code, in a process shut in as a model's is: one file goes in, files come out.

It runs with this interpreter, or with that of a version's environment, which then finds in this one what it lacks: this
project's own libraries. Of the machine it reaches what a model does.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.isolation import forkers, messages, places
from pipeline.isolation.output import Printed
from pipeline.worker import protection, wire
from pipeline.worker.failures import EstimatorError, Failure

# For so long it is waited for what the process's keeper says of its end.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Program:
    """What a process is to run.

    Attributes:
        label: what it is for, for the log.
        function: this project's, as module:function; it gets the settings and the file, and returns files.
        settings: what it takes beside the file, as JSON has it.
        code: the team's own modules, by path.
        seconds: for how long it may run.
        python: the interpreter, of the same Python as this one.
        threads: how many native libraries may compute with.
    """

    label: str
    function: str
    settings: Mapping[str, Any]
    code: Mapping[str, bytes]
    seconds: float
    python: Path = field(default_factory=lambda: Path(sys.executable))
    threads: int = 1


class Ended(Exception):
    """A process that has ended before its program was done, or was ended; the text says how."""

    def __init__(self, how: str, printed: str = "", *, memory: bool = False) -> None:
        super().__init__(how)
        self.printed, self.memory = printed, memory


def run(program: Program, content: Path) -> dict[str, bytes]:
    """Run a program over a file; returns the files that it gives, by their names.

    Args:
        program: the program.
        content: the file.

    Raises:
        EstimatorError: it raised something.
        Ended: its process ended before, or was ended after its time.
        WorkerError: its process cannot be started.
        UsageError: a limit is no positive number.
    """
    protection.hide_memory()
    forker = forkers.forker(program.python)
    order = {
        **messages.surroundings(program.code, places.module_folders(program.python), places.readable(())),
        "after": places.installed_folders(),
        "threads": program.threads,
        "program": program.function,
        "settings": dict(program.settings),
    }
    with contextlib.ExitStack() as stack:
        session, channel, output = _begin(stack, forker, content)
        printed = Printed(output, program.label)
        with contextlib.suppress(wire.Closed):  # the end is met where the answer is awaited
            wire.send(session, order)
        channel.settimeout(program.seconds)
        try:
            header, payload = wire.receive(channel)
        except TimeoutError:
            raise Ended(f"took more than {program.seconds / 60:g} minutes, and was ended") from None
        except (wire.Closed, OSError, ValueError):
            raise _ended(session, printed) from None
    return _files(header, payload)


def _begin(
    stack: contextlib.ExitStack, forker: forkers.Forker, content: Path
) -> tuple[socket.socket, socket.socket, int]:
    """Have a process forked that has the file; returns its keeper's socket, its own, and its output.

    With the stack the sockets are closed, and its keeper kills it then.
    """
    (session, theirs), (channel, its) = socket.socketpair(), socket.socketpair()
    stack.callback(session.close)
    stack.callback(channel.close)
    reader, writer = os.pipe()
    with content.open("rb") as file, theirs, its, open(writer, "wb") as output:
        forker.fork([theirs.fileno(), output.fileno(), file.fileno(), its.fileno()])
    return session, channel, reader


def _ended(session: socket.socket, printed: Printed) -> Ended:
    try:
        session.settimeout(_PATIENCE)
        code = int(wire.receive(session)[0]["code"])
    except (wire.Closed, OSError, ValueError, TypeError, LookupError):
        return Ended("has ended, and nobody knows why", printed.last())
    if code == -signal.SIGKILL:
        return Ended("was killed, as the system does where memory runs out", printed.last(), memory=True)
    if code >= 0:
        return Ended(f"ended its own process, with exit code {code}", printed.last())
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return Ended(f"crashed in native code, or was ended, by signal {name}", printed.last())


def _files(header: wire.Header, payload: memoryview) -> dict[str, bytes]:
    if "failure" in header:
        failure = Failure.read(header["failure"])
        if failure.is_a(MemoryError):
            raise Ended("needs more memory than there is", memory=True)
        raise EstimatorError(failure)
    files, begin = {}, 0
    for name, size in header["files"]:
        files[str(name)] = bytes(payload[begin : begin + int(size)])
        begin += int(size)
    return files
