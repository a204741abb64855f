"""A model in a process of its own: the bytes of its artefact go in, batches go in, numbers come out."""

import contextlib
import os
import socket
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.isolation import endings, forkers, protections
from pipeline.isolation.output import Printed
from pipeline.plain_text import visible
from pipeline.runtime import clock, resources
from pipeline.worker import wire
from pipeline.worker.estimators import Answer
from pipeline.worker.failures import EstimatorError, Failure

MEMORY, SECONDS = "SCORING_MODEL_MEMORY", "SCORING_MODEL_SECONDS"
# A batch has 65,536 rows at most: whoever needs longer for one says so.
_SECONDS = 3600.0
# For so long it is waited for what a process's keeper says of its end.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Order:
    """What a worker is to be.

    Attributes:
        label: the model's name and version, for messages.
        task: what the model predicts.
        labels: where its labels come from.
        columns: of the frame that it takes: name, dtype, categories and order.
        threads: how many batches it scores at once.
        python: the interpreter.
        path: folders with modules, before the interpreter's own.
        reads: files and folders that it may read besides.
    """

    label: str
    task: str
    labels: str
    columns: Sequence[Mapping[str, Any]]
    threads: int = 1
    python: Path = field(default_factory=lambda: Path(sys.executable))
    path: Sequence[str] = ()
    reads: Sequence[str] = ()


class Worker:
    """A loaded model in a process of its own, which ends with the last use of this object."""

    def __init__(self, order: Order, content: bytes) -> None:
        """Have a process load an artefact.

        Raises:
            EstimatorError: it cannot be loaded.
            MemoryError: there is too little of it.
            WorkerError: the process has ended, or does not answer.
            UsageError: a limit is no positive number.
        """
        self._label = order.label
        self._free: SimpleQueue[socket.socket] = SimpleQueue()
        self._error: Exception | None = None
        self._forker = forkers.forker(order.python)
        pairs = [socket.socketpair() for _ in range(order.threads + 1)]
        self._session, *channels = (ours for ours, _ in pairs)
        self._finalizer = weakref.finalize(self, _end, id(self), [self._session, *channels])
        self._fork(order, [theirs for _, theirs in pairs], content)
        channels[0].settimeout(_positive(SECONDS, _SECONDS))
        header, _ = self._receive(channels[0])
        self.held: Mapping[str, bool] = {protections.HIDDEN: self._forker.hidden, **header["held"]}
        for channel in channels:
            self._free.put(channel)

    def answer(self, batch: pa.RecordBatch) -> Answer:
        """Ask the model for a batch's values, and its labels where it was ordered so.

        Raises:
            EstimatorError: the model failed.
            MemoryError: there is too little of it.
            WorkerError: the process has ended, or does not answer.
        """
        channel = self._free.get()
        try:
            if self._error:
                raise self._error
            channel.settimeout(_positive(SECONDS, _SECONDS))
            try:
                wire.send(channel, {}, wire.packed(batch))
            except (wire.Closed, OSError) as error:
                raise self._broken(error) from None
            header, payload = self._receive(channel)
            try:
                return _answer(header, payload)
            except (ValueError, TypeError, LookupError, pa.ArrowException) as error:
                raise self._broken(error) from None
        finally:
            self._free.put(channel)

    def _fork(self, order: Order, theirs: Sequence[socket.socket], content: bytes) -> None:
        session, *channels = theirs
        reader, writer = os.pipe()
        with _as_file(content) as artefact, contextlib.ExitStack() as stack:
            stack.callback(os.close, writer)
            for each in theirs:
                stack.enter_context(each)
            handed = [each.fileno() for each in channels]
            self._forker.fork([session.fileno(), writer, artefact, *handed])
        self._printed = Printed(reader, self._label)
        values = {key: value for key, value in asdict(order).items() if key not in ("python", "threads")}
        limit = int(_positive(MEMORY, 0) * 1e6) or resources.available_memory()
        folder = tempfile.mkdtemp(prefix="scoring-model-")
        with contextlib.suppress(wire.Closed):  # the end is met where the answer is awaited
            wire.send(self._session, {**values, "memory": limit, "folder": os.path.realpath(folder)})

    def _receive(self, channel: socket.socket) -> tuple[wire.Header, memoryview]:
        try:
            header, payload = wire.receive(channel)
        except (wire.Closed, OSError, ValueError) as error:
            raise self._broken(error) from None
        clock.add_other(id(self), header.get("seconds"), header.get("peak"))
        if "failure" not in header:
            return header, payload
        failure = Failure.read(header["failure"])
        if failure.is_a(MemoryError):
            raise MemoryError(f"the process of model {self._label}: {failure.text or 'MemoryError'}")
        raise EstimatorError(failure)

    def _broken(self, error: Exception) -> Exception:
        """The error that this and every later call raises; the process is ended."""
        if self._error is None:
            if isinstance(error, TimeoutError):
                self._error = endings.too_slow(self._label, _positive(SECONDS, _SECONDS))
            elif isinstance(error, wire.Closed | ConnectionError):
                code = self._code()
                printed = self._printed.last() or visible(self._forker.output() if code is None else "")
                self._error = endings.ended(self._label, code, printed)
            else:
                self._error = endings.no_answer(self._label, error)
            self._finalizer()
        return self._error

    def _code(self) -> int | None:
        try:
            self._session.settimeout(_PATIENCE)
            return int(wire.receive(self._session)[0]["code"])
        except (wire.Closed, OSError, ValueError, TypeError, LookupError):
            return None


def _answer(header: wire.Header, payload: memoryview) -> Answer:
    sizes, shape = [int(size) for size in header["sizes"]], [int(size) for size in header["shape"]]
    streams, begin = [], 0
    for size in sizes:
        streams.append(wire.unpacked(payload[begin : begin + size]))
        begin += size
    values = _numbers(streams[0], "values", pa.float64()).reshape(shape)
    return Answer(values, _numbers(streams[1], "labels", pa.int64()) if len(streams) > 1 else None)


def _numbers(batch: pa.RecordBatch, name: str, kind: pa.DataType) -> npt.NDArray[Any]:
    batch.validate(full=True)
    column = batch.column(name)
    if column.type != kind or column.null_count:
        raise ValueError(f"{name} of type {column.type}")
    numbers: npt.NDArray[Any] = column.to_numpy(zero_copy_only=True)
    return numbers


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[int]:
    """The descriptor of a file with these bytes, at its beginning; it has no name under which others could open it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("model")
    else:
        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
    with os.fdopen(descriptor, "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def _end(key: int, sockets: Sequence[socket.socket]) -> None:
    """Let go of a process, whose keeper ends it then."""
    clock.forget_other(key)
    for each in sockets:
        each.close()


def _positive(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if value < 0 or (text and not value):
        raise UsageError(f"{name}={text!r}: set it to a positive number, or leave the variable out.")
    return value
