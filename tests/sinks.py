"""Where messages arrive: a mail server and a web server, both real and both of this process."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import pytest
from aiosmtpd.controller import Controller

from tests.ports import free_ports

Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Mail:
    """What a mail server has got."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message."""
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[str, list[EmailMessage]]]:
    """An SMTP server: its address for Apprise, and what it gets."""
    inbox, [port] = Mail(), free_ports(1)
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    yield f"mailto://127.0.0.1:{port}?from=scoring@example.com&to=team@example.com&mode=insecure", inbox.got
    server.stop()


class Web(ThreadingHTTPServer):
    """A web server that keeps what is posted, and answers as it is told."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Hook)
        self.got: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        """Its address for Apprise."""
        return f"json://caller:secret-word@127.0.0.1:{self.server_port}/hook"


class Hook(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.got.append(json.loads(content))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def web() -> Iterator[Web]:
    with listening(Web()) as server:
        yield server


@contextmanager
def listening(server: Server) -> Iterator[Server]:
    """A web server that answers in a thread of its own, until the block ends."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
