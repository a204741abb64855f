"""Until when the models of this process may take: a limit in all, beside the one of each answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

# A socket without any time would not wait for what is there already.
_LEAST = 0.001


@dataclass(frozen=True)
class Deadline:
    """When a model has to be done.

    Attributes:
        until: by the monotonic clock.
        seconds: how long it was given.
        key: of the job file, which says so.
    """

    until: float
    seconds: float
    key: str

    @property
    def has_passed(self) -> bool:
        """Whether the time is up."""
        return monotonic() >= self.until


_deadlines: list[Deadline] = []


@contextmanager
def within(seconds: float, key: str) -> Iterator[None]:
    """Give every model that this process asks, in whichever thread, so long in all.

    Args:
        seconds: until an answer that is not there ends the model's process.
        key: of the job file, for the message.
    """
    _deadlines.append(Deadline(monotonic() + seconds, seconds, key))
    try:
        yield
    finally:
        _deadlines.pop()


def passed() -> Deadline | None:
    """The deadline whose time is up, if there is one."""
    return next((each for each in _deadlines if each.has_passed), None)


def bounded(patience: float) -> float:
    """So many seconds, or what is left until the deadline where that is less."""
    return max(min([patience, *(each.until - monotonic() for each in _deadlines)]), _LEAST)
