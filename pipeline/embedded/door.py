"""The way in for tools that know no Unix socket: TCP on the loopback, for the analyst's role, by password.

It is open while the process lives that opened it. A reload of pg_hba.conf opens and closes it, and who came in by it is
put out. The address is the same every time: its port and password are kept in .local, for this user alone.
"""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pipeline.embedded import locks
from pipeline.embedded.postmaster import Postmaster
from pipeline.embedded.surroundings import HOST

ROLE, DATABASE = "analyst", "predictions"
# As many digits as in the usual port: the path of the socket, which is named after it, must not become longer.
_PORTS = range(5433, 10_000)
_RULES = f"""\
# Tools of analysts, while a process keeps this open.
host {DATABASE} {ROLE} {HOST}/32 scram-sha-256
"""


@dataclass(frozen=True)
class Address:
    """Where analysts' tools log in.

    Attributes:
        port: of the loopback.
        password: of the role `analyst`.
    """

    port: int
    password: str

    @property
    def uri(self) -> str:
        """As libpq, SQLAlchemy and most tools read it."""
        return f"postgresql://{ROLE}:{self.password}@{HOST}:{self.port}/{DATABASE}"


def address(folder: Path) -> Address:
    """The address of this checkout: made once, and kept in a file that only this user reads."""
    path = folder / "analyst.json"
    if not path.exists():
        return keep(folder, _free_port())
    kept = json.loads(path.read_text())
    return Address(int(kept["port"]), str(kept["password"]))


def free_address(folder: Path) -> Address:
    """The same, with another port where something else listens on the kept one."""
    kept = address(folder)
    return kept if is_free(kept.port) else keep(folder, _free_port())


def keep(folder: Path, port: int) -> Address:
    """Keep another port; the password stays."""
    path = folder / "analyst.json"
    password = address(folder).password if path.exists() else secrets.token_urlsafe(18)
    # Whole or not at all, and never readable by others.
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"port": port, "password": password}, file)
    draft.replace(path)
    return Address(port, password)


def is_open(folder: Path) -> bool:
    """Whether a living process keeps the way open."""
    return locks.is_locked(folder / "postgres.run" / "door")


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback's port."""
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections are still dying away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


@contextmanager
def opened(server: Postmaster, superuser: str, password: str, gate: Path) -> Iterator[None]:
    """Keep the way open until the end of the block.

    Args:
        server: which listens on its port.
        superuser: its address for a superuser, by its socket.
        password: of the role.
        gate: lock of those who start or stop the server.
    """
    with (server.run / "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with locks.gate(gate):
            _set_password(superuser, password)
            server.admit(_RULES)
        try:
            yield
        finally:
            with locks.gate(gate):
                fcntl.flock(door, fcntl.LOCK_UN)
                close_left(server, superuser)


def close_left(server: Postmaster, superuser: str) -> None:
    """Close a way that nobody keeps open any more: its process ended, or was killed. Called inside of the gate."""
    if not (server.run / "door").exists() or locks.is_locked(server.run / "door"):
        return
    server.admit()
    # A server that has been killed lets nobody in either.
    with suppress(psycopg.OperationalError), psycopg.connect(superuser, autocommit=True) as session:
        session.execute(sql.SQL("ALTER ROLE {} PASSWORD NULL").format(sql.Identifier(ROLE)))
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr IS NOT NULL"
        )
    (server.run / "door").unlink()


def _set_password(superuser: str, password: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as session:
        # What is sent, and could be logged, is no password.
        verifier = session.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256")
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        session.execute(statement.format(sql.Identifier(ROLE), sql.Literal(verifier.decode())))


def _free_port() -> int:
    # Not the first that is free: two checkouts would keep the same.
    while not is_free(port := secrets.choice(_PORTS)):
        pass
    return port
