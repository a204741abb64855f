"""Real PostgreSQL servers of several versions, prepared as docker-compose.yaml prepares its own.

Nothing of ours is a superuser there: `scoring_owner` owns the predictions and may make roles, as in production. The
server runs as an unprivileged user where the tests run as root, and asks for passwords over TCP and on its socket.
"""

import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from pipeline.embedded.server import CONNECTIONS
from tests.ports import free_ports
from tests.programs import HOST, NotInstalled, give, installed, process, psql, reachable, run, unprivileged

_DATABASES = Path(__file__).resolve().parents[1] / "sql" / "docker" / "databases.sql"
# Connection -> the role that databases.sql has for it, where a fresh checkout's server has another.
_OWNERS = {"warehouse_owner": "warehouse_owner", "predictions_owner": "scoring_owner"}


@dataclass(frozen=True)
class Server:
    """A running server with the databases and logins of sql/docker/databases.sql.

    Attributes:
        version: its major version.
        binaries: the folder of its `postgres`; the rest of its programs may be missing there.
        folder: holds its data, its socket and its log.
        port: where it listens, on the loopback and in the name of its socket.
        passwords: login -> password.
    """

    version: int
    binaries: Path
    folder: Path
    port: int
    passwords: Mapping[str, str]

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket."""
        return self.folder / "socket"

    def uri(self, database: str, role: str = "postgres", **options: str) -> str:
        """Address of one database as one login, over TCP; as the superuser unless another is named."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        login = f"{role}:{self.passwords[role]}@{HOST}:{self.port}"
        return f"postgresql://{login}/{database}{'?' if query else ''}{query}"

    @property
    def connections(self) -> dict[str, str]:
        """Connection id -> URI, for every connection of a fresh checkout, with an owner that is no superuser."""
        return {
            name: self.uri(database, _OWNERS.get(name, role))
            for name, (role, database) in CONNECTIONS.items()
        }

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A session of the superuser, each statement its own transaction."""
        with psycopg.connect(self.uri(database), autocommit=True) as session:
            yield session


@contextmanager
def started(version: int, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A freshly initialised server, with the databases and logins of docker-compose.yaml; not yet migrated.

    Args:
        version: the major version.
        settings: of the server, beside those of the tests.

    Raises:
        NotInstalled: this version is not on this machine.
    """
    # Not in pytest's folders, which are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix=f"pg{version}-", dir="/tmp"))
    try:
        server = _initialised(version, folder)
        with running(server.binaries, server.data, server.port, {**_usual(server), **(settings or {})}):
            _prepare(server)
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standby(server: Server) -> Iterator[Server]:
    """Run a hot standby of a server: a copy that follows its changes, and takes none of its own.

    Raises:
        NotInstalled: the server came without pg_basebackup.
    """
    program = server.binaries / "pg_basebackup"
    if not program.exists():
        raise NotInstalled(
            f"the server in {server.binaries} has no pg_basebackup: apt-get install postgresql-15"
        )
    folder = server.folder / "standby"
    replica = Server(server.version, server.binaries, folder, free_ports(1)[0], server.passwords)
    for path in (folder, replica.socket):
        path.mkdir()
        give(path)
    command = [
        str(program),
        f"--dbname={server.uri('postgres')}",
        f"--pgdata={replica.data}",
        "--write-recovery-conf",
    ]
    run([*command, "--create-slot", "--slot=analysts", "--checkpoint=fast", "--no-sync"], **unprivileged())
    settings = {**_usual(replica), "hot_standby_feedback": "on"}
    with running(replica.binaries, replica.data, replica.port, settings):
        yield replica


@contextmanager
def running(binaries: Path, data: Path, port: int, settings: Mapping[str, str]) -> Iterator[None]:
    """Run a server on a data folder that is there, and stop it at the end."""
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options]
    # At once, without a last checkpoint: the data are thrown away.
    with process(command, port, data.parent / "log", stop=signal.SIGQUIT):
        yield


def _initialised(version: int, folder: Path) -> Server:
    binaries = reachable(installed(version), folder)
    logins = re.findall(r"ALTER ROLE (\w+) .*PASSWORD", _DATABASES.read_text())
    passwords = {login: secrets.token_urlsafe(16) for login in ("postgres", *logins)}
    server = Server(version, binaries, folder, free_ports(1)[0], passwords)
    password = folder / "password"
    password.write_text(passwords["postgres"])
    server.socket.mkdir()
    for path in (folder, password, server.socket):
        give(path)
    run(
        [str(binaries / "initdb"), f"--pgdata={server.data}", "--username=postgres", f"--pwfile={password}",
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
        **unprivileged(),
    )  # fmt: skip
    return server


def _usual(server: Server) -> dict[str, str]:
    # It has to outlive killed processes, not a power cut.
    return {"listen_addresses": HOST, "unix_socket_directories": str(server.socket), "fsync": "off"}


def _prepare(server: Server) -> None:
    """Run databases.sql as the service postgres-init does; a login that it knows gets the password we know."""
    script = _DATABASES.read_text()
    variables = dict(re.findall(r"^\\getenv (\w+) (\w+)$", script, re.MULTILINE))
    logins = re.findall(r"ALTER ROLE (\w+) .*PASSWORD :'(\w+)'", script)
    environ = {variables[variable]: server.passwords[login] for login, variable in logins}
    command = [str(psql()), "--no-psqlrc", server.uri("postgres"), f"--file={_DATABASES}"]
    run(command, env={**environ, "PATH": os.defpath})
