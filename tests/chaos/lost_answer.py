"""A door to Postgres that loses one answer: a commit goes through, and the client never hears of it."""

import re
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

_COMMIT = re.compile(rb"Q....COMMIT\b", re.DOTALL)
_READY = re.compile(rb"Z\0\0\0\x05[ITE]\Z", re.DOTALL)
_NAME = ".s.PGSQL.5432"


class LostAnswer:
    """Passes a client's words on to the server, and cuts the line when one of its commits has gone through.

    Args:
        uri: address of a database behind a Unix socket.
        ordinal: which commit's answer is lost, from 1.
    """

    def __init__(self, uri: str, ordinal: int) -> None:
        self._server = f"{parse_qs(urlsplit(uri).query)['host'][0]}/{_NAME}"
        self._folder = tempfile.TemporaryDirectory(prefix="door-")
        self.uri = f"{uri.split('?')[0]}?host={quote(self._folder.name, safe='')}"
        self._left, self.lost = ordinal, False
        self._counting = threading.Lock()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(Path(self._folder.name) / _NAME))
        self._door.listen()

    def __enter__(self) -> Self:
        threading.Thread(target=self._open, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._folder.cleanup()

    def _open(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            _Line(self, client, server).begin()

    def count(self) -> bool:
        """Count a commit; whether its answer is the one that is lost."""
        with self._counting:
            self._left -= 1
            self.lost |= self._left == 0
            return self._left == 0


class _Line:
    """One client's connection."""

    def __init__(self, door: LostAnswer, client: socket.socket, server: socket.socket) -> None:
        self._door, self._client, self._server = door, client, server
        self._losing = threading.Event()

    def begin(self) -> None:
        threading.Thread(target=self._there, daemon=True).start()
        threading.Thread(target=self._back, daemon=True).start()

    def _there(self) -> None:
        while words := self._hear(self._client):
            if _COMMIT.match(words) and self._door.count():
                self._losing.set()
            self._say(self._server, words)
        self._cut()

    def _back(self) -> None:
        while words := self._hear(self._server):
            if not self._losing.is_set():
                self._say(self._client, words)
            elif _READY.search(words):  # the commit has gone through
                break
        self._cut()

    def _hear(self, line: socket.socket) -> bytes:
        try:
            return line.recv(65536)
        except OSError:
            return b""

    def _say(self, line: socket.socket, words: bytes) -> None:
        try:
            line.sendall(words)
        except OSError:
            self._cut()

    def _cut(self) -> None:
        for line in (self._client, self._server):
            with suppress(OSError):  # it is cut already
                line.shutdown(socket.SHUT_RDWR)
