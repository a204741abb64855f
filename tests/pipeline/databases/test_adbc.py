"""pipeline/databases/_adbc.py: what it uses of the inside of ADBC's driver manager is there."""

import importlib.metadata
import signal
import threading
import time

import adbc_driver_manager.dbapi as dbapi
import adbc_driver_postgresql
import pyarrow as pa
import pytest

from pipeline.databases import _adbc
from pipeline.embedded.server import Embedded

SEEN = "1.13.0"
CHANGED = (
    f"adbc-driver-manager {importlib.metadata.version('adbc-driver-manager')} is not what {SEEN} was, with which "
    "pipeline/databases/_adbc.py was seen to work. Adapt that module, and SEEN here."
)


def test_a_closed_connection_leaves_its_database_open(server: Embedded) -> None:
    database = adbc_driver_postgresql.connect(server.uri("predictions"))
    try:
        for _ in range(2):
            with _adbc.connection(database, autocommit=True) as session, session.cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,), CHANGED
    except (TypeError, AttributeError, dbapi.Error) as error:
        pytest.fail(f"{CHANGED} {error}")
    finally:
        database.close()


def test_a_readers_errors_have_their_sqlstate(server: Embedded) -> None:
    query = "SELECT 1 / (number - 100000) AS quotient FROM generate_series(1, 100000) AS number"
    database = adbc_driver_postgresql.connect(server.uri("predictions"))
    try:
        with _adbc.connection(database, autocommit=True) as session, session.cursor() as cursor:
            cursor.execute(query)
            try:
                reader = _adbc.reader(cursor)
            except AttributeError as error:
                pytest.fail(f"{CHANGED} {error}")
            assert reader.schema == pa.schema({"quotient": pa.int32()}), CHANGED
            with pytest.raises(dbapi.Error) as refused:
                reader.read_all()
            assert refused.value.sqlstate == "22012", CHANGED
    finally:
        database.close()


def test_a_ctrl_c_cancels_the_statement_and_is_passed_on(server: Embedded) -> None:
    database = adbc_driver_postgresql.connect(server.uri("predictions"))
    sender = threading.Timer(0.5, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    begun = time.perf_counter()
    try:
        with _adbc.connection(database, autocommit=True) as session, session.cursor() as cursor:
            sender.start()
            try:
                cursor.execute("SELECT pg_sleep(600)")
            except KeyboardInterrupt:
                assert time.perf_counter() - begun < 500, CHANGED
            except dbapi.Error as error:
                pytest.fail(f"{CHANGED} {error}")
            else:
                pytest.fail(CHANGED)
    finally:
        sender.join()
        database.close()
