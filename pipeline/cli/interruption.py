"""What a signal that asks a command to end comes to: an exception, so that a run's row says why it went no further."""

import signal
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

    What follows is short, and is disturbed by a second Ctrl-C only. A signal that was ignored before, as by `nohup`,
    still is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_DFL if other == signal.SIGINT else signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, leave)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
