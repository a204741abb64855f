"""Postgres over ADBC, whose COPY path turns rows into Arrow, and back, without one Python object per cell."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import cache

import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager import AdbcDatabase
from adbc_driver_postgresql import StatementOptions

from pipeline import errors
from pipeline.databases import _adbc, connections, queries
from pipeline.databases.postgres_errors import naming, translated_errors
from pipeline.databases.queries import BATCH_BYTES, Query

# A try that stands still inside of a transaction, stopped or on a machine that hangs, keeps its locks. The server cuts
# it off after this time, so that the retry need not wait for it; as long as Airflow waits for a heartbeat.
STALLED = "5min"
_BOUND = "SET LOCAL idle_in_transaction_session_timeout = '{}'"
# A statement that psycopg prepares stays in the session, which is another client's a moment later where PgBouncer hands
# out a session for each transaction. What ADBC prepares has no name and goes with the next.
_UNPREPARED = {"prepare_threshold": None}
# A new session costs the server 15 times as much as a look at one row. A line that is idle for minutes may be cut by a
# firewall, without a word.
_KEPT_SECONDS = 60


@contextmanager
def connect(uri: str, *, autocommit: bool = False) -> Iterator[adbc.Connection]:
    """A connection for rows of Postgres' own types.

    The driver reads all types that a database has, once for each address: it takes longer than to load a small part.
    It does not know a type that is newer than that, so that a warehouse's query runs on a connection from scratch.
    """
    with naming(uri, adbc.Error), _adbc.connection(_database(uri), autocommit=autocommit) as session:
        yield session


@cache
def _database(uri: str) -> AdbcDatabase:
    database: AdbcDatabase = adbc_driver_postgresql.connect(uri)
    return database


@contextmanager
def exported_snapshot(uri: str, origin: str) -> Iterator[str]:
    """Hold a snapshot of the database, and hand out the name by which other sessions read from the very same."""
    with ExitStack() as held:
        with translated_errors(origin):
            cursor = held.enter_context(held.enter_context(connect(uri)).cursor())
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # The snapshot is there as long as this session, which idles while the others read.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot()")
            name = str(cursor.fetchone()[0])
        yield name


@contextmanager
def stream(uri: str, query: Query, snapshot: str | None = None) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches, all from one snapshot of the database.

    Args:
        uri: address of the database.
        query: the query.
        snapshot: name of the snapshot to read from; a new one where there is none.

    Raises:
        WarehouseError: the server refused the query (syntax, missing table or column, rights, bad data).
        adbc.Error: the connection was lost, or another fault that passes; worth a retry.
    """
    statement = render(query)
    with ExitStack() as held:
        with translated_errors(query.file):
            session = held.enter_context(adbc.connect(uri))
            cursor = held.enter_context(session.cursor())
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot is not None:
            # Refused where the session that holds it was lost: worth a retry, and no fault of the query.
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        with translated_errors(query.file):
            size = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            cursor.adbc_statement.set_options(**size)
            cursor.execute(statement)
            reader = _adbc.reader(cursor)
        # Errors of whoever reads, such as a full disk, are not the query's: they pass as they are.
        yield pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, query.file))


def planned_rows(uri: str, query: Query) -> int:
    """How many rows the planner expects of a query.

    Raises:
        WarehouseError: the server refused the query.
    """
    with translated_errors(query.file), connect(uri) as session, session.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.adbc_statement.set_options(
            **{StatementOptions.USE_COPY.value: "false"}
        )  # COPY takes no EXPLAIN
        cursor.execute(f"EXPLAIN (FORMAT JSON) {render(query)}")
        return int(json.loads(cursor.fetchone()[0])[0]["Plan"]["Plan Rows"])


def render(query: Query) -> str:
    """Put the bound values into a query as typed literals: COPY takes no parameters.

    Raises:
        WarehouseError: the query names a parameter that has no value.
    """
    return queries.render(query, _literal)


def bound(cursor: adbc.Cursor) -> None:
    """Have the server end the cursor's transaction should it stand still, as it does those of an `engine`."""
    cursor.execute(_BOUND.format(STALLED))


def load(cursor: adbc.Cursor, schema: str, table: str, reader: pa.RecordBatchReader) -> int:
    """Append Arrow rows to an existing table by COPY, inside the cursor's transaction; returns the rows loaded."""
    return int(cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema))


@cache
def engine(uri: str) -> sa.Engine:
    """A SQLAlchemy engine for short transactions; it keeps one connection for the next, unless that is a minute old.

    One for each address: a new engine asks the server for its version and settings again, every time.
    """
    made = sa.create_engine(
        uri.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=1,
        max_overflow=-1,
        pool_pre_ping=True,
        pool_recycle=_KEPT_SECONDS,
        connect_args=_UNPREPARED,
    )

    @sa.event.listens_for(made, "begin")
    def bound_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(_BOUND.format(STALLED))

    @sa.event.listens_for(made, "handle_error")
    def name(context: sa.engine.ExceptionContext) -> None:
        if context.sqlalchemy_exception is not None:
            errors.at(context.sqlalchemy_exception, connections.database(uri))

    return made


# Two processes that shared a connection would read each other's answers.
os.register_at_fork(after_in_child=engine.cache_clear)


def _batches(reader: pa.RecordBatchReader, origin: str) -> Iterator[pa.RecordBatch]:
    with translated_errors(origin):
        yield from reader


def _literal(value: date | datetime) -> str:
    kind = "TIMESTAMP WITH TIME ZONE" if isinstance(value, datetime) else "DATE"
    return f"{kind} '{value.isoformat()}'"
