"""Connections of the API: one on which nothing is under way, or whose client does not go on, is ended.

uvicorn itself waits for ever for the head of a request and for a client that does not read its answer, and keeps a head
of any size. A thousand such connections would keep everybody else out, without a token.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# So long a client may take for a request that nobody answers yet, and to take an answer up.
SECONDS = 15.0
HEAD_BYTES = 65_536
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Bounded(HttpToolsProtocol):
    """HTTP of uvicorn with a bound on the time of a silent client, and on the size of a head."""

    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _head_ended = _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; refuse a head that has no end."""
        self._begun = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._waiting is None and not self._is_asked:  # such as an empty line between two requests
            self._wait()
        if not self._head_ended and not self._begun:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request has begun, and has to end."""
        super().on_message_begin()
        self._begun, self._head_ended, self._head_bytes = True, False, 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head; nobody asks for what follows a body."""
        if not self._head_ended:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._head_ended = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        self._stop_waiting()

    def pause_writing(self) -> None:
        """The client does not read: not for long."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._stop_unread()

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(SECONDS, self._late)

    def _late(self) -> None:
        if self._is_asked:
            self._wait()  # the body of what is under way has a limit of its own
        else:
            self.transport.close()

    @property
    def _is_asked(self) -> bool:
        """Whether a request is under way."""
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
