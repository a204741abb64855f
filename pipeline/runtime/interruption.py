"""What a signal that asks a command to end comes to: an exception, so that a run's row says why it went no further."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal has asked the command to end. It is no error of the work's, so that nobody handles it as one."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the command was ended by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@contextmanager
def interruptible() -> Iterator[None]:
    """Have the signals that ask a process to end raise `Interrupted`, the first of them alone.

    What follows is short, and the next ones leave it alone. A signal that was ignored before, as by `nohup`, still is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[int] = []

    def leave(number: int, _: FrameType | None) -> None:
        for other in before:
            # Not SIG_IGN: Python complains of a signal that came in between.
            signal.signal(other, lambda *_: None)
        raise Interrupted(first[0] if first else number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, leave)
        with _cancelling(first):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _cancelling(first: list[int]) -> Iterator[None]:
    """Have every signal cancel the statement that the main thread waits for: ADBC does so on SIGINT alone.

    Args:
        first: gets the number of a signal that is sent on as SIGINT.
    """
    main = threading.get_ident()
    reading, writing = socket.socketpair()
    writing.setblocking(False)

    def watch() -> None:
        while number := reading.recv(1):
            if number[0] in (signal.SIGTERM, signal.SIGHUP) and not first:
                first.append(number[0])
                signal.pthread_kill(main, signal.SIGINT)

    watcher = threading.Thread(target=watch, daemon=True)
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writing.close()
        watcher.join()
        reading.close()
