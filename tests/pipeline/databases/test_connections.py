"""pipeline/databases/connections.py: a connection's URI becomes an address, or is refused without being shown."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_manager.dbapi as adbc
import pytest
import sqlalchemy as sa

from pipeline.databases import connections, postgres, warehouse
from pipeline.databases.connections import AddressError
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgres://ann@db/sales", {"host": "db", "database": "sales", "username": "ann"}),
        ("postgresql://ann:pw@db:5433/sales", {"port": 5433, "password": "pw", "drivername": "postgresql"}),
        ("postgres://ann:p%40ss%2Fw%3Ard%25@db/sales", {"password": "p@ss/w:rd%", "host": "db"}),
        ("postgres://a%40b:pw@db/sales", {"username": "a@b"}),
        ("postgres://ann:@db:/sales", {"username": "ann", "host": "db", "port": None}),
        ("postgres://ann@[::1]:5433/sales", {"host": "::1", "port": 5433}),
        ("postgres://db:5433/sales", {"host": "db", "port": 5433, "username": None}),
        ("postgres://ann@db/sales?sslmode=require", {"query": {"sslmode": "require"}}),
        (
            "postgres://ann@db/sales?__extra__=%7B%22sslmode%22%3A+%22require%22%2C+%22connect_timeout%22%3A+9%7D",
            {"query": {"sslmode": "require", "connect_timeout": "9"}},
        ),
        ("postgres://ann@/sales?host=%2Frun%2Fpg", {"query": {"host": "/run/pg"}, "database": "sales"}),
        ("postgres:///sales?host=%2Frun%2Fpg", {"query": {"host": "/run/pg"}, "database": "sales"}),
    ],
)
def test_airflows_uris_are_understood(uri: str, expected: dict[str, Any]) -> None:
    url = sa.make_url(connections.postgres(uri, "sales"))
    expected["query"] = {**connections.TIMEOUTS, **expected.get("query", {})}
    assert {name: getattr(url, name) for name in expected} == expected


def test_an_options_spaces_reach_the_server(server: Embedded) -> None:
    uri = server.connections["warehouse"] + "&options=" + quote("-c application_name=night")
    address = connections.postgres(uri.replace("postgresql://", "postgres://"), "warehouse")
    query = "SELECT current_setting('application_name') AS name"
    with warehouse.stream(address, Query(query, {}, "q.sql")) as reader:
        assert reader.read_all().to_pylist() == [{"name": "night"}]
    with postgres.engine(address).connect() as connection:
        assert connection.execute(sa.text(query)).scalar_one() == "night"


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        (f"mysql://ann:{SECRET}@db/sales", "its type is 'mysql', and only postgres is supported"),
        (f"ann:{SECRET}@db/sales", "only postgres is supported"),
        (SECRET, "its type is 'missing'"),
        ("", "its type is 'missing'"),
        (f"postgres://ann:{SECRET}/more@db/sales", "percent-encode"),
        (f"postgres://ann:{SECRET}@db:port/sales", "percent-encode"),
        (f"postgres://ann:{SECRET}@[db/sales", "percent-encode"),
        (f"postgres://ann@db/sales?__extra__={SECRET}", "its extras are no JSON object"),
        (f"postgres://ann@db/sales?__extra__=%5B%22{SECRET}%22%5D", "its extras are no JSON object"),
    ],
)
def test_an_address_that_will_not_do_is_refused_and_not_shown(uri: str, complaint: str) -> None:
    with pytest.raises(AddressError, match=rf"connection 'sales': .*{complaint}") as refused:
        connections.postgres(uri, "sales")
    assert SECRET not in str(refused.value)
    assert "AIRFLOW_CONN_SALES=postgres://" in str(refused.value)


def adbc_connect(address: str) -> None:
    with warehouse.stream(address, Query("SELECT 1", {}, "q.sql")):
        raise AssertionError("connected")


def engine_connect(address: str) -> None:
    with postgres.engine(address).connect():
        raise AssertionError("connected")


@pytest.mark.parametrize("password", [SECRET, f"{SECRET}%zz", f"{SECRET}%2Fmore"])
@pytest.mark.parametrize("connect", [adbc_connect, engine_connect])
def test_a_password_is_never_in_an_error(password: str, connect: Callable[[str], None]) -> None:
    address = connections.postgres(f"postgres://ann:{password}@127.0.0.1:1/sales", "sales")
    with pytest.raises((adbc.Error, sa.exc.SQLAlchemyError), match=r"(?i)refused") as error:
        connect(address)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("sqlite:///relative.db", "its path is not absolute"),
        ("duckdb:////no/such/file.duckdb", "there is no file /no/such/file.duckdb"),
        ("sqlite+pysqlite:////no/such/file.db", "there is no file /no/such/file.db"),
        ("sqlite+pysqlite:///relative.db", "its path is not absolute"),
        ("sqlite+pysqlite://", "its path is not absolute"),
        ("hello s3cret", "not a URL"),
        ("", "not a URL"),
        ("oracle+nothing://ann:s3cret@host/db", "no driver for 'oracle.nothing' is installed"),
        ("nonsense://ann:s3cret@host/db", "no driver for 'nonsense' is installed"),
        ("mysql+pymysql://ann:s3cret@host/db", "Add one to requirements.in"),
    ],
)
def test_a_warehouse_that_cannot_be_is_refused_and_not_shown(uri: str, complaint: str) -> None:
    with pytest.raises(AddressError, match=complaint) as refused:
        connections.warehouse(uri, "sales")
    assert "'sales'" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("query", ["", "?timeout=0.5", "?mode=rwc", "?__extra__=%7B%22timeout%22%3A+1%7D"])
@pytest.mark.parametrize("form", ["sqlite+pysqlite:///{path}", "sqlite+pysqlite:///file:{path}"])
def test_a_file_behind_a_driver_of_sqlalchemys_is_only_read(tmp_path: Path, form: str, query: str) -> None:
    path = tmp_path / "a folder%?#" / "w.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as session, session:
        session.execute("CREATE TABLE shop AS SELECT 7 AS id")
    uri = form.format(path=quote(str(path))) + query
    database_url = connections.warehouse(uri, "w")
    with sa.create_engine(database_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM shop").scalar_one() == 7
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM shop")
    path.unlink()
    with pytest.raises(AddressError, match=r"there is no file .*w\.db"):
        connections.warehouse(uri, "w")
    with pytest.raises(sa.exc.OperationalError, match="unable to open"):
        sa.create_engine(database_url).connect()
    assert not path.exists()


def test_airflows_form_of_a_files_address_is_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "w.db"
    path.parent.mkdir()
    path.touch()
    quoted = str(path).replace("/", "%2F").replace(" ", "%20")
    assert connections.warehouse(f"sqlite:///{quoted}", "w") == f"sqlite:///{path}"
    assert connections.warehouse(f"sqlite:///{path}", "w") == f"sqlite:///{path}"
