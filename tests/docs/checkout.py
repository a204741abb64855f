"""A checkout as a fresh `make demo` leaves it, and copies of it, one for each page."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from local.story import SCORE_DATES
from pipeline.embedded.server import CONNECTIONS, Embedded
from tests.docs.pages import ROOT
from tests.docs.terminal import Terminal, environment, programs

JOB = "flight_delay"
# Score date of each run, in the order in which the demo scores them; the last one is held.
DAYS = tuple(map(str, SCORE_DATES))
HELD_CODE = 3

_TEMPLATE = "docs_demo"
_OWNER = CONNECTIONS["predictions_owner"][0]
_COPIED = ("dags", "models", "sql")
_LINKED = ("docs", "local", "orchestration", "pipeline", "plugins", "Makefile", "docker-compose.yaml")


@dataclass(frozen=True)
class Demo:
    """What a fresh demo leaves.

    Attributes:
        server: with the sample warehouse, and the demo's predictions as a template.
        folder: holds the checkout.
    """

    server: Embedded
    folder: Path

    @contextmanager
    def copy(self, folder: Path, name: str) -> Iterator[Terminal]:
        """A terminal in a copy of the checkout, with a copy of the predictions database."""
        shutil.copytree(self.folder / "checkout", folder / "checkout", symlinks=True)
        with _roles(self.server), _database(self.server, name, _TEMPLATE):
            yield _terminal(self.server, folder, name)


@contextmanager
def made(server: Embedded, folder: Path) -> Iterator[Demo]:
    """Score what the demo scores, and measure its outcomes, by the command line."""
    _lay_out(folder / "checkout")
    with _database(server, _TEMPLATE, "template0"):
        terminal = _terminal(server, folder, _TEMPLATE)
        _run(terminal, "migrate")
        for day in DAYS:
            _run(terminal, f"score {JOB} {day}", HELD_CODE if day == DAYS[-1] else 0)
        for day in DAYS[:-1]:
            _run(terminal, f"outcomes {JOB} {day}")
        _disconnect(server, _TEMPLATE)
        yield Demo(server, folder)


def query(terminal: Terminal, text: str, connection: str = "analyst") -> list[tuple[object, ...]]:
    """Rows of the predictions database that a terminal uses."""
    with psycopg.connect(terminal.environ[f"AIRFLOW_CONN_{connection.upper()}"]) as session:
        cursor = session.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def _run(terminal: Terminal, arguments: str, expected: int = 0) -> None:
    code, output = terminal.run(f"scoring {arguments}")
    if code != expected:
        raise AssertionError(f"scoring {arguments} ended with {code}: {output}")


def _lay_out(checkout: Path) -> None:
    checkout.mkdir()
    for name in _COPIED:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _LINKED:
        (checkout / name).symlink_to(ROOT / name)
    (checkout / ".venv").symlink_to(Path(sys.prefix))


def _terminal(server: Embedded, folder: Path, database: str) -> Terminal:
    checkout = folder / "checkout"
    connections = {
        f"AIRFLOW_CONN_{name.upper()}": server.uri(database if where == "predictions" else where, role)
        for name, (role, where) in CONNECTIONS.items()
    }
    environ = environment(
        programs(folder / "programs"),
        server.binaries,
        SCORING_ANALYST=connections["AIRFLOW_CONN_ANALYST"],
        **connections,
    )
    return Terminal(checkout, environ)


@contextmanager
def _database(server: Embedded, name: str, template: str) -> Iterator[None]:
    """A predictions database with the rights that sql/docker/roles.sql gives on it."""
    logins = sorted({role for role, where in CONNECTIONS.values() if where == "predictions"} - {_OWNER})
    database, owner = sql.Identifier(name), sql.Identifier(_OWNER)
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                database, owner, sql.Identifier(template)
            )
        )
        try:
            session.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            session.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    database, sql.SQL(", ").join(map(sql.Identifier, logins))
                )
            )
            yield
        finally:
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


@contextmanager
def _roles(server: Embedded) -> Iterator[None]:
    """Drop the roles that a page makes: a server has them for all of its databases."""
    text = "SELECT rolname FROM pg_roles"
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        before = set(session.execute(text))
        try:
            yield
        finally:
            for (name,) in set(session.execute(text)) - before:
                session.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _disconnect(server: Embedded, name: str) -> None:
    """End every session of a database that is to be copied."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
