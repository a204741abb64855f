"""pipeline/embedded/door.py: one role may come in by TCP, by password, while somebody keeps the way open."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from local import seed
from local.airflow_environment import Place
from pipeline.embedded import door
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded
from tests.pipeline.embedded.test_server import holding

PASSWORD = "a password of a test"
KEEPS = """
import pathlib, sys
from pipeline.embedded import door, server
folder = pathlib.Path(sys.argv[1])
address = door.address(folder)
with server.tcp(folder, server.start(folder, address.port), address.password) as listens:
    print(listens, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(postgres_folder: Callable[[], Path]) -> Iterator[Path]:
    """A folder of a server of its own."""
    folder = postgres_folder()
    yield folder
    embedded.stop(folder)


def login(port: int, role: str = "analyst", database: str = "predictions", password: str = PASSWORD) -> str:
    """Who one is after a login by TCP."""
    values = {"host": "127.0.0.1", "port": port, "user": role, "dbname": database, "password": password}
    with psycopg.connect(**values, connect_timeout=10) as session:  # type: ignore[arg-type]
        return str(session.execute("SELECT current_user").fetchall()[0][0])


def admitted(port: int, **options: str) -> str:
    """The same, once the server has read its rules again."""
    deadline = time.monotonic() + 300
    while True:
        try:
            return login(port, **options)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def started(folder: Path) -> Embedded:
    """A server that listens on the folder's port."""
    return embedded.start(folder, door.address(folder).port)


def test_only_the_analyst_comes_in_and_only_by_the_password(folder: Path) -> None:
    running = started(folder)
    with psycopg.connect(running.uri("postgres"), autocommit=True) as session:
        roles = [name for (name,) in session.execute("SELECT rolname FROM pg_roles").fetchall()]
        for role in ("postgres", "scoring_pipeline"):  # a password of theirs is of no use
            session.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'".encode())
    with embedded.tcp(folder, running, PASSWORD) as listens:
        assert listens
        assert admitted(running.port) == "analyst"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            login(running.port, password="another")
        assert {"postgres", "scoring_owner", "scoring_pipeline", "janitor", "approver", "pages"} <= set(roles)
        for role in set(roles) - {"analyst"}:
            with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
                login(running.port, role=role)
        for database in ("postgres", "warehouse", "airflow"):
            with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
                login(running.port, database=database)


def test_every_connection_by_the_socket_works_beside_it(folder: Path) -> None:
    running = started(folder)
    assert running.port != 5432
    for uri in running.connections.values():
        psycopg.connect(uri).close()
    assert embedded.start(folder) == running
    assert embedded.listening_port(folder) == running.port


def test_whoever_is_in_is_put_out_when_it_closes(folder: Path) -> None:
    running = started(folder)
    with embedded.tcp(folder, running, PASSWORD):
        admitted(running.port)
        assert door.is_open(folder)
        inside = psycopg.connect(door.Address(running.port, PASSWORD).uri.replace(" ", "%20"))
    assert not door.is_open(folder)
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    inside.close()
    with pytest.raises(psycopg.OperationalError):
        login(running.port)
    with psycopg.connect(running.uri("postgres")) as session:
        query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'analyst'"
        assert session.execute(query).fetchall() == [(None,)]


def test_a_way_that_a_killed_process_left_open_is_closed_by_the_next(folder: Path) -> None:
    command = [sys.executable, "-c", KEEPS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeps:
        assert keeps.stdout is not None
        assert keeps.stdout.readline() == "True\n"
        address = door.address(folder)
        assert admitted(address.port, password=address.password) == "analyst"
        os.kill(keeps.pid, signal.SIGKILL)
    assert embedded.start(folder).port == address.port
    with pytest.raises(psycopg.OperationalError):
        login(address.port, password=address.password)


def test_a_server_that_another_process_uses_is_not_restarted(folder: Path) -> None:
    place = Place.of(folder, folder)
    with holding(folder):
        running = started(folder)
        with embedded.tcp(folder, running, PASSWORD) as listens:
            assert not listens
        with seed.analysts_door(place) as sentence:
            assert sentence.startswith(
                "Another process uses the database, which therefore listens on no port."
            )
    with seed.analysts_door(place) as sentence:  # it has ended
        assert sentence == f"pandas and BI tools read scoring.predictions at {door.address(folder).uri}"


def test_the_address_stays_and_is_for_its_user_alone(tmp_path: Path) -> None:
    made = door.address(tmp_path)
    assert door.address(tmp_path) == door.free_address(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "analyst.json").stat().st_mode) == 0o600
    assert len(made.password) >= 24
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", made.port))
        taken.listen()
        moved = door.free_address(tmp_path)
    assert (moved.password, moved.port == made.port) == (made.password, False)
    assert door.address(tmp_path) == moved
    assert len(str(moved.port)) == len(str(made.port)) == 4
