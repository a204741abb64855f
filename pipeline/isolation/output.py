"""What a model prints in its own process, such as a library's warnings: lines of the task's log."""

import logging
from collections import deque
from collections.abc import Iterator
from threading import Thread
from typing import BinaryIO

from pipeline.plain_text import visible

# So many lines are told with a process's end, each cut to so many characters.
_LINES, _MOST = 5, 300
# So many are logged of one process: a line for each row would fill the disk of the logs.
_MOST_LINES = 1000

log = logging.getLogger(__name__)


class Printed:
    """What one process prints."""

    def __init__(self, descriptor: int, label: str) -> None:
        """Log each line until the process closes its end.

        Args:
            descriptor: the pipe's end to read from; it is closed at the end.
            label: the model's name and version.
        """
        self._lines: deque[str] = deque(maxlen=_LINES)
        # Without a reference to this object's owner, which ends the process when it goes.
        self._thread = Thread(target=_log, args=(descriptor, label, self._lines), daemon=True)
        self._thread.start()

    def last(self) -> str:
        """The last lines, once the process has ended."""
        self._thread.join(1)
        return " | ".join(self._lines)


def _log(descriptor: int, label: str, lines: deque[str]) -> None:
    with open(descriptor, "rb", buffering=0) as pipe:
        for number, line in enumerate(_lines(pipe)):
            lines.append(line)
            if number < _MOST_LINES:
                log.warning("model %s printed: %s", label, line)
            elif number == _MOST_LINES:
                log.warning(
                    "model %s has printed %s lines: what follows is not shown. Have it print less.",
                    label,
                    _MOST_LINES,
                )


def _lines(pipe: BinaryIO) -> Iterator[str]:
    """The lines of a pipe, cut where they are long."""
    rest = b""
    while content := pipe.read(1 << 16):
        *lines, rest = (rest + content).split(b"\n")
        rest = rest[:_MOST]
        yield from filter(None, map(_shown, lines))
    yield from filter(None, [_shown(rest)])


def _shown(line: bytes) -> str:
    return visible(line[:_MOST].decode(errors="replace").strip())
