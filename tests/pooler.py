"""PgBouncer in transaction mode before a server of the tests."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.ports import free_ports
from tests.programs import HOST, NotInstalled, give, process
from tests.servers import Server

_PGBOUNCER = """
[databases]
* = host={host} port={server}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {logins}
pool_mode = transaction
default_pool_size = 4
query_wait_timeout = 60
server_round_robin = 1
"""


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer in transaction mode before a server, with that server's logins.

    Attributes:
        server: the server.
        port: where it listens on the loopback.
    """

    server: Server
    port: int

    @property
    def socket(self) -> Path:
        """The folder of the server's own Unix socket, which leads past the pooler."""
        return self.server.socket

    def uri(self, database: str, role: str = "postgres") -> str:
        """Address of one database as one login, through the pooler."""
        return self.server.uri(database, role).replace(f":{self.server.port}/", f":{self.port}/")

    @property
    def connections(self) -> dict[str, str]:
        """The server's connections, through the pooler."""
        through = (f":{self.server.port}/", f":{self.port}/")
        return {name: uri.replace(*through) for name, uri in self.server.connections.items()}


@contextmanager
def pooled(server: Server) -> Iterator[Pooler]:
    """Run a PgBouncer in transaction mode before a server.

    It hands the server's sessions out in turn, so that what one transaction left in its session is never there in the
    next by luck, and is there in somebody else's.

    Raises:
        NotInstalled: PgBouncer is not on this machine.
    """
    program = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/sbin")
    if program is None:
        raise NotInstalled("PgBouncer is not on this machine: apt-get install pgbouncer")
    pooler = Pooler(server, free_ports(1)[0])
    logins, config, log = (server.folder / f"pgbouncer.{name}" for name in ("users", "ini", "log"))
    logins.write_text("".join(f'"{login}" "{password}"\n' for login, password in server.passwords.items()))
    config.write_text(_PGBOUNCER.format(host=HOST, server=server.port, port=pooler.port, logins=logins))
    for path in (logins, config):
        path.chmod(0o600)
        give(path)
    with process([program, str(config)], pooler.port, log, stop=signal.SIGTERM):
        for uri in pooler.connections.values():
            _spread(uri)
        yield pooler


def _spread(uri: str) -> None:
    """Have the pooler open several sessions of one login, of which it then hands out another one every time."""
    with ExitStack() as sessions:
        for _ in range(3):
            sessions.enter_context(psycopg.connect(uri)).execute("SELECT 1")
