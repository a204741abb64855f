"""Postgres over ADBC, whose COPY path turns rows into Arrow, and back, without one Python object per cell."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TypeVar

import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_manager import AdbcConnection, AdbcDatabase
from adbc_driver_postgresql import StatementOptions
from sqlalchemy.pool import NullPool

from pipeline import errors
from pipeline.databases import connections, queries
from pipeline.databases.queries import BATCH_BYTES, Query, WarehouseError
from pipeline.errors import ScoringError

# SQLSTATEs of faults that may be gone at the next try: a connection lost, a session ended for being idle, a
# transaction rolled back (deadlock, a standby that had to go on), no disk, memory or session left, a lock that was not
# to be had, a server that stops or starts, a system error. Whatever else a server says would be said again.
_PASSING = ("08", "25P03", "40", "53", "55", "57P", "58", "XX")

_TOO_LATE = (
    "It is not tried again, for it would take as long. Make the query faster or the night smaller, or give the role "
    "more time: ALTER ROLE ... SET statement_timeout."
)

# A try that stands still inside of a transaction, stopped or on a machine that hangs, keeps its locks. The server cuts
# it off after this time, so that the retry need not wait for it; as long as Airflow waits for a heartbeat.
STALLED = "5min"


LOCK_NOT_AVAILABLE = "55P03"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Turns:
    """How a transaction waits for locks.

    Attributes:
        lock_timeout: for how long at a time.
        pause: seconds between two turns, in which whoever waits behind it goes on.
        patience: after how many seconds it gives up.
    """

    lock_timeout: str = "5s"
    pause: float = 0.0
    patience: float = 60.0


TURNS = Turns()


class Busy(RuntimeError):
    """Another session holds what is needed; worth another try."""


@contextmanager
def connect(uri: str, *, autocommit: bool = False) -> Iterator[adbc.Connection]:
    """A connection for rows of Postgres' own types.

    The driver reads all types that a database has, once for each address: it takes longer than to load a small part.
    It does not know a type that is newer than that, so that a warehouse's query runs on a connection from scratch.
    """
    with (
        naming(uri, adbc.Error),
        adbc.Connection(_Kept(), AdbcConnection(_database(uri)), autocommit=autocommit) as session,
    ):
        yield session


@contextmanager
def naming(uri: str, *kinds: type[Exception]) -> Iterator[None]:
    """Have a driver's errors of these kinds say which database they come from."""
    try:
        yield
    except kinds as error:
        errors.at(error, connections.database(uri))
        raise


class _Kept:
    """What a connection closes in place of its database, which others use, too."""

    def close(self) -> None:
        """Leave it open: it holds no session."""


@cache
def _database(uri: str) -> AdbcDatabase:
    made: AdbcDatabase = adbc_driver_postgresql.connect(uri)
    return made


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
            # Not fetch_record_batch(): that reader's errors have lost their SQLSTATE.
            reader = cursor._results.reader
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
    """A SQLAlchemy engine for short transactions; it keeps no idle connection behind.

    One for each address: a new engine asks the server for its version and settings again, every time.
    """
    made = sa.create_engine(
        uri.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool, connect_args=_UNPREPARED
    )

    @sa.event.listens_for(made, "begin")
    def bound_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(_BOUND.format(STALLED))

    @sa.event.listens_for(made, "handle_error")
    def name(context: sa.engine.ExceptionContext) -> None:
        if context.sqlalchemy_exception is not None:
            errors.at(context.sqlalchemy_exception, connections.database(uri))

    return made


def patiently(
    uri: str, what: str, work: Callable[[sa.Connection], Result], turns: Turns | None = None
) -> Result:
    """Do a short transaction's work that may have to wait for locks, in turns; returns what it returns.

    Args:
        uri: the predictions database.
        what: what is being done, for the message.
        work: what to do on a connection; it is begun anew in every turn.
        turns: how to wait; a minute in turns of five seconds unless said.

    Raises:
        Busy: another session holds a lock all the while.
    """
    turns = turns or TURNS
    deadline = time.monotonic() + turns.patience
    while True:
        try:
            with engine(uri).begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{turns.lock_timeout}'")
                return work(connection)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise Busy(
                    f"{what}: a lock was not to be had for {turns.patience:.0f} seconds, and nothing was changed. "
                    f"Sessions with a transaction open: {_open_transactions(uri)}. "
                    "Wait until they have ended, or end them (pg_terminate_backend), and try again."
                ) from error
        time.sleep(turns.pause)


def _open_transactions(uri: str) -> str:
    with engine(uri).connect() as connection:
        return connection.execute(sa.text(_HOLDERS)).scalar_one() or "none any more"


@contextmanager
def translated_errors(
    origin: str, kind: type[ScoringError] = WarehouseError, remedies: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Turn a server's refusal of a statement into an error of ours; let lost connections and their like pass.

    Args:
        origin: what was asked, for the message.
        kind: the error's class.
        remedies: how a SQLSTATE begins -> what to do, where the server's own words do not say it.

    Raises:
        ScoringError: of that class: the server refused, and would refuse again.
    """
    try:
        yield
    except (adbc.Error, sa.exc.DBAPIError) as error:
        state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
        if not state and (reason := _driver_refusal(error)):
            raise kind(f"{origin}: {reason}") from error
        if not state or state.startswith(_PASSING):
            raise
        reason = re.split(r"Query was:|\. SQLSTATE", str(getattr(error, "orig", error)))[0]
        said = f"{origin}: the database refused the query: {' '.join(reason.rpartition('ERROR:')[2].split())}"
        known = {"57014": _TOO_LATE, **(remedies or {})}
        raise kind(
            ". ".join([said, *(text for begin, text in known.items() if state.startswith(begin))])
        ) from error


def _driver_refusal(error: Exception) -> str:
    """Why the driver refused what the server has given, as it would again; empty where it did not."""
    text = str(error)
    if unreadable := re.search(r"ReadRecord failed at row (\d+): (.*)", text, re.DOTALL):
        return (
            f"a value of row {unreadable[1]} cannot be read: {' '.join(unreadable[2].split())}. Take its column out of "
            "the query, or have it as text: column::text AS column"
        )
    if re.search(r"Failed to execute query '.*':\s*\Z", text, re.DOTALL):
        # The server had no error; it had no rows either.
        return "the database has no rows to give for it. Write one SELECT, and no other statement."
    return ""


def remedy(error: BaseException) -> str:
    """What to do about a connection that was refused for what its URI says, and would be again; empty for the rest."""
    return next((text for pattern, text in _REMEDIES.items() if re.search(pattern, str(error))), "")


def _batches(reader: pa.RecordBatchReader, origin: str) -> Iterator[pa.RecordBatch]:
    with translated_errors(origin):
        yield from reader


def _literal(value: date | datetime) -> str:
    kind = "TIMESTAMP WITH TIME ZONE" if isinstance(value, datetime) else "DATE"
    return f"{kind} '{value.isoformat()}'"


_REMEDIES = {
    "SSL error: certificate verify failed|root certificate file|server certificate for .* does not match": "Correct "
    "the connection's host and sslrootcert, which is the file of the authority that signed the server's certificate.",
    "unsupported startup parameter": "PgBouncer takes no options in a connection's URI: remove them there, and set "
    "them with ALTER ROLE ... SET.",
}
# A statement that psycopg prepares stays in the session, which is another client's a moment later where PgBouncer hands
# out a session for each transaction. What ADBC prepares has no name and goes with the next.
_UNPREPARED = {"prepare_threshold": None}
_BOUND = "SET LOCAL idle_in_transaction_session_timeout = '{}'"
# Of those in the way, the database tells everybody the number and the login.
_HOLDERS = """
SELECT string_agg(DISTINCT format('%s (%s)', pid, usename), ', ')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'virtualxid' AND datname = current_database() AND pid <> pg_backend_pid()
"""
