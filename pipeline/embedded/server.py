"""The Postgres that serves when nothing else is configured: real, private, inside the checkout.

It holds the sample warehouse, the predictions and Airflow's own metadata. It listens on a Unix socket only, in a folder
that is closed to others, and asks the kernel who is there: its own user may be any of its roles, and nobody else may be
any. It stops with the last process that uses it.
"""

import atexit
import errno
import hashlib
import logging
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as adbc

from pipeline.embedded import door, locks, surroundings
from pipeline.embedded.locks import EmbeddedError
from pipeline.embedded.postmaster import Postmaster
from pipeline.project import SQL

logger = logging.getLogger(__name__)

# connection id -> (role, database). The pipeline reads with one role, writes with another, decides with a third and
# throws away with a fourth; only `migrate` and `sample` ever use an owner, and no owner is a superuser.
CONNECTIONS = {
    "warehouse": ("warehouse_reader", "warehouse"),
    "warehouse_owner": ("warehouse_owner", "warehouse"),
    "predictions": ("scoring_pipeline", "predictions"),
    "predictions_approver": ("approver", "predictions"),
    "predictions_janitor": ("janitor", "predictions"),
    "predictions_watcher": ("watcher", "predictions"),
    "predictions_api": ("api", "predictions"),
    "predictions_owner": ("scoring_owner", "predictions"),
    "analyst": ("analyst", "predictions"),
    "pages": ("pages", "predictions"),
}

# The same roles and databases as the containers have.
_ROLES = SQL / "docker" / "roles.sql"
_STATE = """
SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'predictions'
"""
_OTHERS = "set AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_PREDICTIONS to servers of yours"


@dataclass(frozen=True)
class Embedded:
    """A running embedded server.

    Attributes:
        socket: folder of the server's Unix socket.
        binaries: folder of `psql`, `pg_dump` and the other programs that the package carries.
        data: the server's data folder.
        port: the number that its socket is named after.
    """

    socket: Path
    binaries: Path
    data: Path
    port: int = surroundings.PORT

    def uri(self, database: str, role: str = "postgres") -> str:
        """Address of one database as one role, as libpq, SQLAlchemy and Airflow read it."""
        port = f"&port={self.port}" if self.port != surroundings.PORT else ""
        return f"postgresql://{role}@/{database}?host={quote(os.fsencode(self.socket), safe='')}{port}"

    @property
    def connections(self) -> dict[str, str]:
        """Connection id -> URI, for every connection that a fresh checkout needs."""
        return {name: self.uri(database, role) for name, (role, database) in CONNECTIONS.items()}


def start(folder: Path, port: int | None = None) -> Embedded:
    """Start the server whose data is in `folder`/postgres, or join it, and make its databases and roles.

    Args:
        folder: the folder that holds the data.
        port: of the loopback, for the server to listen on, too; unless another process uses it already, without.

    Raises:
        EmbeddedError: it cannot be had; the message says why, and what to do.
    """
    server = _server(folder)
    with _explained(server):
        server.run.mkdir(parents=True, mode=0o700, exist_ok=True)
        _require_private(server.run)
        with locks.gate(server.run / "gate"):
            if port and server.is_alive() and not server.listens and not locks.others(server.run / "users"):
                server.stop()
            if locks.join(server.run / "users"):
                atexit.register(_leave, server.data.parent)
            server.start(port)
            if not (server.socket / f".s.PGSQL.{server.port}").exists():
                raise EmbeddedError(
                    f"The embedded Postgres in {server.data} runs, but its socket in {server.socket} was removed. "
                    "Stop it with `make down`, and try again."
                )
            running = Embedded(server.socket, surroundings.package() / "bin", server.data, server.port)
            _prepare(running)
            door.close_left(server, running.uri("postgres"))
    return running


def stop(folder: Path) -> list[int]:
    """Use the server no longer, and stop it when nobody else does.

    Returns:
        The other processes that use it.
    """
    server = _server(folder)
    if not server.run.exists():
        return []
    with _explained(server), locks.gate(server.run / "gate"):
        others = locks.leave(server.run / "users")
        if not others:
            server.stop()
    return others


def is_running(folder: Path) -> bool:
    """Whether the server whose data is in `folder`/postgres runs. A left-over pid file proves nothing."""
    server = _server(folder)
    with _explained(server):
        return server.is_alive()


def listening_port(folder: Path) -> int | None:
    """The port of the loopback on which the server listens; None where it runs without, or not at all."""
    server = _server(folder)
    return server.port if is_running(folder) and server.listens else None


def connection(conn_id: str, folder: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """URI of a connection: from `AIRFLOW_CONN_<ID>`, else from the embedded server (started now), else None."""
    configured = environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if configured or conn_id not in CONNECTIONS:
        return configured
    return start(folder).connections[conn_id]


@contextmanager
def tcp(folder: Path, running: Embedded, password: str) -> Iterator[bool]:
    """Let the role `analyst` in by TCP and password until the end of the block, and nobody else.

    Args:
        folder: the folder that holds the data.
        running: the server, started with a port.
        password: of the role, as long as it is let in.

    Returns:
        Whether the server listens: it does not where another process started it.
    """
    server = _server(folder)
    if not server.listens:
        yield False
        return
    with door.opened(server, running.uri("postgres"), password, server.run / "gate"):
        yield True


def _leave(folder: Path) -> None:
    try:
        stop(folder)
    except EmbeddedError as error:
        logger.warning("%s", error)


def _server(folder: Path) -> Postmaster:
    folder = folder.resolve()
    return Postmaster(folder / "postgres", folder / "postgres.run")


def _require_private(run: Path) -> None:
    if run.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(run))


@contextmanager
def _explained(server: Postmaster) -> Iterator[None]:
    """Say what a refusal of the operating system means here."""
    try:
        yield
    except OSError as error:
        path = Path(os.fsdecode(error.filename or server.data))
        if path.name in ("postgres", "initdb") and path.parent.name == "bin":
            remedy = f"Programs must be allowed to run there: set TMPDIR to another folder, or {_OTHERS}."
        elif error.errno == errno.EPERM and os.geteuid() == 0:
            remedy = f"This root may not become another user, and Postgres runs as none. Use an account, or {_OTHERS}."
        elif isinstance(error, PermissionError):
            owner = f"The embedded Postgres is for the one user who made {server.data.parent}."
            remedy = f"{owner} Use a checkout of your own, or {_OTHERS}."
        else:
            remedy = (
                f"The embedded Postgres keeps its data there. Make room or make it writable, or {_OTHERS}."
            )
        raise EmbeddedError(f"{path}: {error.strerror}. {remedy}") from error


def _prepare(embedded: Embedded) -> None:
    made = f"made by {_ROLES.name} {hashlib.sha256(_ROLES.read_bytes()).hexdigest()[:16]}"
    with adbc.connect(embedded.uri("postgres"), autocommit=True) as session, session.cursor() as cursor:
        cursor.execute(_STATE)
        owner, note = cursor.fetchone() or (None, None)
        if note == made:
            return
        if owner == "postgres":
            raise EmbeddedError(
                f"The databases in {embedded.data} belong to a superuser: an earlier version made them. Run "
                f"`make down`, remove {embedded.data}, and run `make demo`, which makes them anew."
            )
        _run_psql(embedded)
        cursor.execute(f"COMMENT ON DATABASE predictions IS '{made}'")


def _run_psql(embedded: Embedded) -> None:
    command = [str(embedded.binaries / "psql"), "--no-psqlrc", f"--file={_ROLES}", embedded.uri("postgres")]
    ended = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env={"PATH": os.defpath}
    )
    if ended.returncode != 0:
        raise EmbeddedError(f"The roles in {embedded.data} could not be made.\n{ended.stderr.rstrip()}")
