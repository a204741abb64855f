"""Airflow's own database: migrated once a version."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from local.airflow_environment import Place
from local.processes import LocalError, spawn, tail
from pipeline.embedded.server import Embedded

Tell = Callable[[str], None]

_SECONDS = 300


def migrate(place: Place, embedded: Embedded, environ: Mapping[str, str], tell: Tell) -> None:
    """Bring Airflow's database to the installed version, unless it is there.

    Raises:
        LocalError: Airflow could not; the message holds the end of its log.
    """
    version = f"migrated by apache-airflow-core {importlib.metadata.version('apache-airflow-core')}"
    with psycopg.connect(embedded.uri("airflow", "airflow"), autocommit=True) as session:
        # The note is kept by the database itself, so that it cannot outlive it.
        query = (
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        )
        if session.execute(query).fetchone() == (version,):
            return
        tell("preparing Airflow's metadata (once)")
        log = place.logs / "db-migrate.log"
        child = spawn("airflow db migrate", command("db", "migrate"), environ, place.folder, log)
        try:
            code = child.process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            raise LocalError(
                f"`airflow db migrate` failed (exit code {code}). The end of {log}:\n{tail(log)}"
            )
        session.execute(sql.SQL("COMMENT ON DATABASE airflow IS {}").format(sql.Literal(version)))


def command(*arguments: str) -> list[str]:
    """The `airflow` command of this Python."""
    return [sys.executable, "-m", "airflow", *arguments]
