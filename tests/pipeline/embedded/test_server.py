"""pipeline/embedded/server.py: a real Postgres for a machine that has none, private to its user and its folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.embedded import server as embedded
from pipeline.embedded import surroundings
from pipeline.embedded.locks import EmbeddedError
from pipeline.embedded.server import Embedded
from tests.home import Home

HOLD = """
import pathlib, sys
from pipeline.embedded import server
server.start(pathlib.Path(sys.argv[1]))
print("started", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the embedded server of a folder until the end of the block."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process


def postmaster(folder: Path) -> int:
    """Pid of a running server."""
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in 60 seconds"
        time.sleep(0.01)


def ask(uri: str, query: str) -> list[object]:
    """First column of a query's rows."""
    with postgres.engine(uri).connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


@pytest.fixture(scope="module")
def other(postgres_folder: Callable[[], Path]) -> Iterator[Embedded]:
    """A second server in a folder of its own."""
    running = embedded.start(postgres_folder())
    yield running
    embedded.stop(running.data.parent)


@pytest.fixture(scope="module")
def cluster(postgres_folder: Callable[[], Path]) -> Path:
    """Folder of a server that was made and stopped."""
    folder = postgres_folder()
    embedded.start(folder)
    embedded.stop(folder)
    return folder


@pytest.fixture
def spare(cluster: Path) -> Iterator[Path]:
    """The same folder, of which nothing runs before and after a test."""
    yield cluster
    assert embedded.stop(cluster) == []
    assert not embedded.is_running(cluster)


def test_a_second_start_joins_the_first(server: Embedded) -> None:
    again = embedded.start(server.data.parent)
    assert again == server


def test_another_process_joins_too_and_leaves_the_server_running(server: Embedded) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline.embedded import server;"
        "print(server.start(Path(sys.argv[1])).connections['analyst'])"
    )
    command = [sys.executable, "-c", program, str(server.data.parent)]
    joined = subprocess.run(command, capture_output=True, text=True, check=True)
    assert joined.stdout.strip() == server.connections["analyst"]
    assert ask(server.connections["analyst"], "SELECT 1") == [1]


def test_two_folders_are_two_servers(server: Embedded, other: Embedded) -> None:
    assert server.socket != other.socket
    mark = "SELECT system_identifier::text FROM pg_control_system()"
    assert ask(server.uri("postgres"), mark) != ask(other.uri("postgres"), mark)


@pytest.mark.parametrize("name", embedded.CONNECTIONS)
def test_every_connection_of_a_fresh_server_works(other: Embedded, name: str) -> None:
    role, database = embedded.CONNECTIONS[name]
    who = "SELECT current_user || ' ' || current_database()"
    assert ask(other.connections[name], who) == [f"{role} {database}"]


def test_airflow_owns_its_database_alone(other: Embedded) -> None:
    owners = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'airflow'"
    assert ask(other.uri("postgres"), owners) == ["airflow"]


def test_the_roles_have_the_rights_of_their_names_only(other: Embedded) -> None:
    members = """
        SELECT member::regrole || ' in ' || roleid::regrole FROM pg_auth_members
        WHERE member::regrole::text NOT LIKE 'pg\\_%' ORDER BY 1
    """
    expected = [
        "analyst in scoring_analyst",
        "api in scoring_analyst",
        "api in scoring_api",
        "approver in scoring_approver",
        "janitor in scoring_janitor",
        "pages in scoring_analyst",
        "scoring_analyst in scoring_job_analyst",
        "scoring_owner in scoring_analyst",
        "scoring_owner in scoring_job_analyst",
        "scoring_pipeline in scoring_writer",
        "watcher in scoring_watcher",
    ]
    assert ask(other.uri("postgres"), members) == expected
    powerful = "SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls ORDER BY 1"
    assert ask(other.uri("postgres"), powerful) == ["postgres"]
    assert ask(other.uri("postgres"), "SELECT rolname FROM pg_roles WHERE rolsuper") == ["postgres"]
    no_login = "SELECT rolname FROM pg_roles WHERE NOT rolcanlogin AND rolname LIKE 'scoring%' ORDER BY 1"
    groups = [
        "scoring_analyst",
        "scoring_api",
        "scoring_approver",
        "scoring_janitor",
        "scoring_job_analyst",
        "scoring_watcher",
        "scoring_writer",
    ]
    assert ask(other.uri("postgres"), no_login) == groups


def test_no_connection_is_the_superusers(server: Embedded, home: Home) -> None:
    assert "postgres" not in {role for role, _ in embedded.CONNECTIONS.values()}
    owned = """
        SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class
        WHERE relnamespace = 'scoring'::regnamespace
    """
    assert home.sql(owned) == [{"owner": "scoring_owner"}]
    databases = (
        "SELECT datname || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE NOT datistemplate ORDER BY 1"
    )
    owners = [
        "airflow airflow",
        "postgres postgres",
        "predictions scoring_owner",
        "warehouse warehouse_owner",
    ]
    assert [row for row in ask(server.uri("postgres"), databases) if row in owners] == owners


@pytest.mark.parametrize("database", ["airflow", "warehouse", "postgres", "template1"])
def test_a_login_reaches_no_database_but_its_own(other: Embedded, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(other.uri(database, "analyst"))


def test_databases_of_an_earlier_version_are_refused_with_the_remedy(spare: Path) -> None:
    running = embedded.start(spare)
    with psycopg.connect(running.uri("postgres"), autocommit=True) as session:
        session.execute("COMMENT ON DATABASE predictions IS NULL")
        session.execute("ALTER DATABASE predictions OWNER TO postgres")
        with pytest.raises(EmbeddedError, match=rf"belong to a superuser.*remove {running.data}"):
            embedded.start(spare)
        session.execute("ALTER DATABASE predictions OWNER TO scoring_owner")
    assert embedded.start(spare) == running


def test_the_warehouses_reader_reads_only(other: Embedded) -> None:
    uri = other.connections["warehouse"]
    assert ask(uri, "SELECT current_setting('default_transaction_read_only')") == ["on"]


def test_a_configured_connection_starts_no_server(tmp_path: Path) -> None:
    environ = {"AIRFLOW_CONN_WAREHOUSE": "postgres://ann@db/sales"}
    assert embedded.connection("warehouse", tmp_path / "none", environ) == "postgres://ann@db/sales"
    assert not (tmp_path / "none").exists()


def test_a_connection_that_nobody_knows_is_none(tmp_path: Path) -> None:
    assert embedded.connection("nowhere", tmp_path / "none", {}) is None
    assert not (tmp_path / "none").exists()


def test_an_unconfigured_connection_is_the_embedded_servers(server: Embedded) -> None:
    assert embedded.connection("analyst", server.data.parent, {}) == server.connections["analyst"]


# Who may come in


def test_a_caller_who_gets_to_the_socket_is_asked_who_he_is(other: Embedded) -> None:
    """Two walls: where a mode was opened by hand, the kernel still says who is there."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    way = [*other.socket.parents[:2], other.socket, other.socket / surroundings.SOCKET]
    modes = {path: path.stat().st_mode for path in way}
    program = "import os, sys, psycopg; os.setgid(2); os.setuid(2); psycopg.connect(sys.argv[1])"
    try:
        for path in way:
            path.chmod(0o777)
        for role in ("postgres", "analyst"):
            command = [sys.executable, "-c", program, other.uri("predictions", role)]
            refused = subprocess.run(command, capture_output=True, text=True)
            assert "Peer authentication failed" in refused.stderr
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_the_server_knows_no_secret_of_whoever_started_it(
    spare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_OWNER", "postgres://ann:s3cret@db/sales")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    running = embedded.start(spare)
    environ = psutil.Process(postmaster(spare)).environ()
    assert "s3cret" not in str(environ)
    assert environ["TZ"] == "UTC"
    assert ask(running.uri("postgres"), "SELECT current_setting('timezone')") == ["UTC"]


# Who uses it, and what a crash leaves


def test_it_stops_with_the_last_process_that_uses_it(spare: Path) -> None:
    with holding(spare) as first:
        with holding(spare) as second:
            assert sorted(embedded.stop(spare)) == sorted([first.pid, second.pid])
        assert embedded.is_running(spare)
        assert embedded.stop(spare) == [first.pid]
    assert not embedded.is_running(spare)


def test_a_killed_process_does_not_keep_it_alive(spare: Path) -> None:
    with holding(spare) as killed:
        killed.send_signal(signal.SIGKILL)
    assert embedded.is_running(spare)
    with holding(spare) as other:
        assert embedded.stop(spare) == [other.pid]
    assert not embedded.is_running(spare)


def test_processes_that_start_at_once_make_one_server(postgres_folder: Callable[[], Path]) -> None:
    folder = postgres_folder()
    # What a process left that was killed in the middle of making one.
    (folder / "postgres.new" / "base").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    command = [sys.executable, "-c", HOLD, str(folder)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["started\n"] * 3
    assert sorted(embedded.stop(folder)) == sorted(process.pid for process in processes)
    for process in processes:
        process.communicate()
    assert not embedded.is_running(folder)


def test_a_fork_is_no_user_until_it_starts_the_server(spare: Path) -> None:
    embedded.start(spare)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        assert embedded.stop(spare) == []
        assert not embedded.is_running(spare)
    finally:
        os.close(writing)
        os.waitpid(child, 0)


@pytest.mark.parametrize("pid", ["", "no number", "999999999", "the caller's"])
def test_a_left_over_pid_file_proves_nothing(spare: Path, pid: str) -> None:
    embedded.start(spare)
    embedded.stop(spare)
    left = spare / "postgres" / "postmaster.pid"
    # A machine that was switched off; meanwhile its pid was given to somebody else.
    number = str(os.getpid()) if pid == "the caller's" else pid
    lines = [number, str(left.parent), "1", "5432", ".", "", "1 1", "ready"]
    left.write_text("\n".join(lines) + "\n")
    (left.parent / surroundings.SOCKET).touch()
    (left.parent / f"{surroundings.SOCKET}.lock").write_text(left.read_text())
    assert not embedded.is_running(spare)
    running = embedded.start(spare)
    assert ask(running.connections["analyst"], "SELECT 1") == [1]


def alive(pid: int) -> bool:
    """Whether a process does anything yet: one that has ended may wait a while for its new parent to look."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_postmaster_is_replaced_though_its_children_live(spare: Path) -> None:
    running = embedded.start(spare)
    killed = postmaster(spare)
    busy = "DO $$ BEGIN LOOP END LOOP; END $$"
    with closing(psycopg.connect(running.uri("postgres"), autocommit=True)) as session:
        backend = session.info.backend_pid
        session.pgconn.send_query(busy.encode())
        until(lambda: psutil.Process(backend).cpu_times().user > 0)
        os.kill(killed, signal.SIGKILL)
        until(lambda: not alive(killed))  # a busy machine takes its time
        assert embedded.start(spare) == running
        assert postmaster(spare) != killed
        until(lambda: not alive(backend))
        assert ask(running.connections["analyst"], "SELECT 1") == [1]


def test_a_folder_without_a_server_has_nothing_to_stop(tmp_path: Path) -> None:
    assert embedded.stop(tmp_path / "none") == []
    assert not embedded.is_running(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
