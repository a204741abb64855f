"""A network that fails: a TCP proxy before a Postgres, which resets, swallows or trickles what the server sends."""

import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Literal, Self

# A socket that is closed with this says RST, as a machine does that has been restarted.
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Proxy:
    """Forwards connections to a server's Unix socket.

    Attributes:
        upstream: the server's socket file.
        fault: what happens once a connection has carried `limit` bytes to the client.
        limit: in bytes.
        trigger: a text of the client's, such as a part of a statement: its next COMMIT is carried out, and the
            connection is reset instead of an answer.
        trickle: the most bytes that are forwarded at a time, with a pause after each; 0 where there is no limit.
        fired: how many connections met the fault.
        port: where it listens, on the loopback.
    """

    upstream: Path
    fault: Literal["none", "reset", "swallow"] = "none"
    limit: int = 0
    trigger: bytes = b""
    trickle: int = 0
    fired: int = 0
    port: int = 0
    _held: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.append(self._listener)
        self.cut()

    def cut(self) -> None:
        """End every connection that there is."""
        for held in self._held:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def uri(self, role: str, database: str) -> str:
        """Address of a database behind this proxy."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.upstream))
                self._held += [client, server]
                Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        carried, armed, committing = 0, False, False
        # One thread for both ways: a socket that another thread reads from would be closed without a RST.
        with suppress(OSError), client, server:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    if not (sent := client.recv(65536)):
                        return
                    armed = armed or bool(self.trigger and self.trigger in sent)
                    committing = armed and b"COMMIT" in sent
                    server.sendall(sent)
                if server in ready:
                    if not (sent := server.recv(self.trickle or 65536)):
                        return
                    carried += len(sent)
                    if committing or (self.fault != "none" and carried > self.limit):
                        self.fired += 1
                        if self.fault != "swallow":
                            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                            return
                        select.select([], [], [], 60)
                    client.sendall(sent)
                    sleep(0.001 if self.trickle else 0)
