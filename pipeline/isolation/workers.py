"""A model in a process of its own: the bytes of its artefact go in, batches go in, numbers come out."""

import contextlib
import os
import socket
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

import pyarrow as pa

from pipeline.isolation import deadlines, endings, forkers, messages, protections
from pipeline.isolation.messages import Order
from pipeline.isolation.output import Printed
from pipeline.plain_text import visible
from pipeline.runtime import clock
from pipeline.worker import protection, wire
from pipeline.worker.compiled.predictor import Proof
from pipeline.worker.estimators import Answer
from pipeline.worker.failures import EstimatorError, Failure

# For so long it is waited for what a process's keeper says of its end.
_PATIENCE = 10.0

Read = TypeVar("Read")


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
        self._label, self._order = order.label, replace(order, code={}, predictor=b"")
        # For good: until a worker has been killed, it is there.
        hidden = protection.hide_memory()
        self._free: SimpleQueue[socket.socket] = SimpleQueue()
        self._error: Exception | None = None
        self._forker = forkers.forker(order.python)
        pairs = [socket.socketpair() for _ in range(order.threads + 1)]
        self._session, *channels = (ours for ours, _ in pairs)
        self._finalizer = weakref.finalize(self, _end, id(self), [self._session, *channels])
        self._fork(order, [theirs for _, theirs in pairs], content)
        channels[0].settimeout(messages.patience())
        begun = self._receive(
            channels[0], lambda header, _: (messages.held(header), messages.refusal(header)), 0
        )
        held, self.refusal = begun
        self.held: Mapping[str, bool] = {protections.HIDDEN: hidden, **held}
        for channel in channels:
            self._free.put(channel)

    def answer(self, batch: pa.RecordBatch) -> Answer:
        """Ask the model for a batch's values, and its labels where it was ordered so.

        Raises:
            EstimatorError: the model failed.
            MemoryError: there is too little of it.
            WorkerError: the process has ended, or does not answer.
        """
        return self._ask(batch, {}, messages.answer, messages.most_bytes(self._order, batch.num_rows))

    def compare(self, batch: pa.RecordBatch) -> None:
        """Have the model score a batch twice where it is compiled; if the bits differ the estimator scores from now on.

        Raises:
            EstimatorError: the model failed.
            MemoryError: there is too little of it.
            WorkerError: the process has ended, or does not answer.
        """
        most = messages.most_bytes(self._order, batch.num_rows)
        self.refusal = self._ask(batch, {"compare": True}, lambda header, _: messages.refusal(header), most)

    def prove(self, batch: pa.RecordBatch, rows: int) -> Proof:
        """Have the compiled predictor be compared on a batch, and on so many rows made to hurt.

        Raises:
            EstimatorError: the model failed.
            MemoryError: there is too little of it.
            WorkerError: the process has ended, or does not answer.
        """
        return self._ask(batch, {"prove": rows}, lambda header, _: messages.proof(header), 0)

    def _ask(
        self,
        batch: pa.RecordBatch,
        asked: wire.Header,
        read: Callable[[wire.Header, memoryview], Read],
        most_bytes: int,
    ) -> Read:
        channel = self._free.get()
        try:
            if self._error:
                raise self._error
            if deadlines.passed():
                raise self._broken(TimeoutError())
            channel.settimeout(messages.patience())
            try:
                wire.send(channel, asked, wire.packed(batch))
            except (wire.Closed, OSError) as error:
                raise self._broken(error) from None
            return self._receive(channel, read, most_bytes)
        finally:
            self._free.put(channel)

    def _fork(self, order: Order, theirs: Sequence[socket.socket], content: bytes) -> None:
        session, *channels = theirs
        reader, writer = os.pipe()
        with messages.as_file(content) as artefact, contextlib.ExitStack() as stack:
            stack.callback(os.close, writer)
            for each in theirs:
                stack.enter_context(each)
            handed = [each.fileno() for each in channels]
            self._forker.fork([session.fileno(), writer, artefact, *handed])
        self._printed = Printed(reader, self._label)
        with contextlib.suppress(wire.Closed):  # the end is met where the answer is awaited
            wire.send(self._session, messages.message(order))

    def _receive(
        self, channel: socket.socket, read: Callable[[wire.Header, memoryview], Read], most_bytes: int
    ) -> Read:
        """What a message says; nothing is believed of it."""
        try:
            header, payload = wire.receive(channel, most_bytes)
            clock.add_other(id(self), header.get("seconds"), header.get("peak"))
            if "failure" not in header:
                return read(header, payload)
            failure = Failure.read(header["failure"])
        except (wire.Closed, OSError, *messages.MALFORMED) as error:
            raise self._broken(error) from None
        if failure.is_a(MemoryError):
            raise MemoryError(f"the process of model {self._label}: {failure.text or 'MemoryError'}")
        raise EstimatorError(failure)

    def _broken(self, error: Exception) -> Exception:
        """The error that this and every later call raises; the process is ended."""
        if self._error is None:
            if isinstance(error, TimeoutError):
                late = deadlines.passed()
                self._error = (
                    endings.out_of_time(self._label, late)
                    if late
                    else endings.too_slow(self._label, messages.patience())
                )
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
            return int(wire.receive(self._session, 0)[0]["code"])
        except (wire.Closed, OSError, *messages.MALFORMED):
            return None


def _end(key: int, sockets: Sequence[socket.socket]) -> None:
    """Let go of a process, whose keeper ends it then."""
    clock.forget_other(key)
    for each in sockets:
        each.close()
