"""Postgres over ADBC, whose COPY path turns rows into Arrow, and back, without one Python object per cell."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import cache

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_postgresql import StatementOptions
from sqlalchemy.pool import NullPool

from pipeline import queries
from pipeline.queries import BATCH_BYTES, Values, WarehouseError

# SQLSTATE classes in which the server refuses the query itself, so that a retry would meet the same refusal:
# feature not supported, data exception, read-only transaction, bad login, a table that others depend on, no such
# database or schema, syntax error or missing right.
_REFUSALS = ("0A", "22", "25", "28", "2B", "3D", "3F", "42")

# A try that stands still inside of a transaction, stopped or on a machine that hangs, keeps its locks. The server cuts
# it off after this time, so that the retry need not wait for it; as long as Airflow waits for a heartbeat.
STALLED = "5min"


@contextmanager
def exported_snapshot(uri: str, origin: str) -> Iterator[str]:
    """Hold a snapshot of the database, and hand out the name by which other sessions read from the very same."""
    with refusals(origin), adbc.connect(uri) as session, session.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        yield str(cursor.fetchone()[0])


@contextmanager
def stream(
    uri: str, query: str, values: Values, origin: str, snapshot: str | None = None
) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches, all from one snapshot of the database.

    Args:
        uri: address of the database.
        query: SQL with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.
        snapshot: name of the snapshot to read from; a new one where there is none.

    Raises:
        WarehouseError: the server refused the query (syntax, missing table or column, rights, bad data).
        adbc.Error, OSError: the connection was lost; worth a retry.
    """
    statement = render(query, values, origin)
    with ExitStack() as held:
        with refusals(origin):
            session = held.enter_context(adbc.connect(uri))
            cursor = held.enter_context(session.cursor())
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if snapshot is not None:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            size = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            cursor.adbc_statement.set_options(**size)
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
        # Errors of whoever reads, such as a full disk, are not the query's: they pass as they are.
        yield pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, session, origin))


def planned_rows(uri: str, query: str, values: Values, origin: str) -> int:
    """How many rows the planner expects of a query.

    Raises:
        WarehouseError: the server refused the query.
    """
    with refusals(origin), adbc.connect(uri) as session, session.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.adbc_statement.set_options(
            **{StatementOptions.USE_COPY.value: "false"}
        )  # COPY takes no EXPLAIN
        cursor.execute(f"EXPLAIN (FORMAT JSON) {render(query, values, origin)}")
        return int(json.loads(cursor.fetchone()[0])[0]["Plan"]["Plan Rows"])


def render(query: str, values: Values, origin: str) -> str:
    """Put the bound values into a query as typed literals: COPY takes no parameters.

    Raises:
        WarehouseError: the query names a parameter that is not in `values`.
    """
    return queries.render(query, values, origin, _literal)


def bound(cursor: adbc.Cursor) -> None:
    """Have the server end the cursor's transaction should it stand still, as it does those of an `engine`."""
    cursor.execute(_BOUND.format(STALLED))


def load(cursor: adbc.Cursor, schema: str, table: str, reader: pa.RecordBatchReader) -> int:
    """Append Arrow rows to an existing table by COPY, inside the cursor's transaction; returns the rows loaded."""
    return int(cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema))


@cache
def engine(uri: str) -> sa.Engine:
    """A SQLAlchemy engine for short transactions; it keeps no idle connection behind.

    One for each address: a new engine asks the server for its version and settings again, every time.
    """
    made = sa.create_engine(uri.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)

    @sa.event.listens_for(made, "begin")
    def bound_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(_BOUND.format(STALLED))

    return made


@contextmanager
def refusals(origin: str) -> Iterator[None]:
    """Turn a server's refusal of a statement into a `WarehouseError`; let lost connections pass as they are."""
    try:
        yield
    except adbc.Error as error:
        if not (error.sqlstate or "").startswith(_REFUSALS):
            raise
        reason = re.split(r"Query was:|\. SQLSTATE", str(error))[0].rpartition("ERROR:")[2]
        raise WarehouseError(
            f"{origin}: the database refused the query: {' '.join(reason.split())}"
        ) from error


def _batches(reader: pa.RecordBatchReader, session: adbc.Connection, origin: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except OSError as error:
        # An error in mid-stream carries no SQLSTATE. A session that still answers was not lost: the server refused
        # the rows.
        try:
            session.rollback()
        except adbc.Error:
            raise error from None
        raise WarehouseError(f"{origin}: the query failed while its rows were read: {error}") from error


def _literal(value: date | datetime) -> str:
    kind = "TIMESTAMP WITH TIME ZONE" if isinstance(value, datetime) else "DATE"
    return f"{kind} '{value.isoformat()}'"


_BOUND = "SET LOCAL idle_in_transaction_session_timeout = '{}'"
