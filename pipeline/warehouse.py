"""A database: stream a query as Arrow, bulk-load Arrow, open a session.

Postgres is spoken to over ADBC, whose COPY path turns rows into Arrow without one Python object per cell.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_postgresql import StatementOptions
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.pool import NullPool

from pipeline.errors import ScoringError, UsageError

Values = Mapping[str, date | datetime]

# A batch is what one stage holds at a time: small enough for a laptop, large enough for vectorised work.
BATCH_BYTES = 8 * 1024 * 1024

# SQLSTATE classes in which the server refuses the query itself, so that a retry would meet the same refusal:
# feature not supported, data exception, read-only transaction, bad login, a table that others depend on, no such
# database or schema, syntax error or missing right.
_REFUSALS = ("0A", "22", "25", "28", "2B", "3D", "3F", "42")

# The semicolons that end a query, and the comments after them: COPY takes the query in parentheses.
_END = re.compile(r";[;\s]*(--[^\n]*(\n\s*|\Z))*\Z")

# A parameter with a cast, as in :score_date::timestamp: SQLAlchemy would take the colons for its own.
_CAST = re.compile(r"(?<![:\w\\]):(\w+)(?=::)")


class WarehouseError(ScoringError):
    """A query that cannot work as it is written."""


class AddressError(UsageError):
    """A connection that is not there, or leads to no database that is supported."""


def address(uri: str, name: str) -> str:
    """Turn a connection's URI, in Airflow's form or libpq's, into the form that ADBC and SQLAlchemy share.

    Args:
        uri: for example `postgres://user:password@host:5432/database?sslmode=require`.
        name: the connection id, for the error message; the URI itself may hold a password and is never shown.

    Raises:
        AddressError: the URI is not one of a Postgres server.
    """
    remedy = f"Set AIRFLOW_CONN_{name.upper()}=postgres://user:password@host:5432/database"
    try:
        parts = urlsplit(uri)
        number = f":{parts.port}" if parts.port else ""  # raises where it is no number
    except ValueError:
        # Its text would show a part of the URI.
        raise AddressError(
            f"connection {name!r}: not a well-formed URI; percent-encode the special characters of user and password. "
            f"{remedy}"
        ) from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise AddressError(
            f"connection {name!r}: its type is {parts.scheme or 'missing'!r}, and only postgres is supported. {remedy}"
        )
    query = dict(parse_qsl(parts.query))
    query.update(_extras(query.pop("__extra__", "{}"), name, remedy))
    login, at, host = parts.netloc.rpartition("@")
    # Encoded afresh: libpq shows a password that is not well encoded in its error.
    user = ":".join(quote(unquote(part), safe="") for part in login.split(":", 1))
    server = f"{user}{at}{host.removesuffix(':').removesuffix(number)}{number}"
    # libpq takes %20 for a space, and no plus sign.
    options = urlencode(query, quote_via=quote)
    return f"postgresql://{server}{parts.path}{f'?{options}' if options else ''}"


def render(query: str, values: Values, origin: str) -> str:
    """Put the bound values into a query as typed literals of Postgres.

    COPY, the fast way out of Postgres, takes no bound parameters. The values are dates and instants, checked to be
    such here, and SQLAlchemy finds their places; no text from outside ever becomes SQL.

    Raises:
        WarehouseError: the query names a parameter that is not in `values`.
    """
    clause = sa.text(_CAST.sub(r"(:\1)", _END.sub("", query.strip())))
    unknown = sorted(set(clause._bindparams) - set(values))
    if unknown:
        known = ", ".join(f":{name}" for name in values)
        raise WarehouseError(
            f"{origin}: unknown parameter :{unknown[0]}. A query may use {known}; "
            f"write \\:{unknown[0]} where a colon is meant as text."
        )
    used = {name: value for name, value in values.items() if name in clause._bindparams}
    bound = clause.bindparams(*(sa.bindparam(name, value, _Literal()) for name, value in used.items()))
    # The named style leaves percent signs alone; the psycopg style would double them.
    dialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return str(bound.compile(dialect=dialect, compile_kwargs={"literal_binds": True})) + "\n"


@contextmanager
def stream(uri: str, query: str, values: Values, origin: str) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches, all from one snapshot of the database.

    Args:
        uri: address of the database.
        query: SQL with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.

    Raises:
        WarehouseError: the server refused the query (syntax, missing table or column, rights, bad data).
        adbc.Error, OSError: the connection was lost; worth a retry.
    """
    statement = render(query, values, origin)
    with ExitStack() as held:
        with refusals(origin):
            session = held.enter_context(adbc.connect(uri))
            cursor = held.enter_context(session.cursor())
            cursor.execute("SET TRANSACTION READ ONLY")
            size = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            cursor.adbc_statement.set_options(**size)
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
        # Errors of whoever reads, such as a full disk, are not the query's: they pass as they are.
        yield pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, session, origin))


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


def load(cursor: adbc.Cursor, schema: str, table: str, reader: pa.RecordBatchReader) -> int:
    """Append Arrow rows to an existing table by COPY, inside the cursor's transaction; returns the rows loaded."""
    return int(cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema))


@cache
def engine(uri: str) -> sa.Engine:
    """A SQLAlchemy engine for short transactions; it keeps no idle connection behind.

    One for each address: a new engine asks the server for its version and settings again, every time.
    """
    return sa.create_engine(uri.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)


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


def read_query(folder: Path, name: str) -> str:
    """Text of the SQL file `name` below `folder`.

    Raises:
        WarehouseError: there is no such file, or it lies outside of the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise WarehouseError(
            f"{name}: no such query in {folder}. Put the SQL file there, or correct the job file."
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WarehouseError(f"{name}: not a text file: {error}. Save it as UTF-8.") from error


def _extras(folded: str, name: str, remedy: str) -> dict[str, str]:
    """A connection's extras, which Airflow folds into one JSON value when they do not fit a query string."""
    try:
        return {key: str(value) for key, value in json.loads(folded).items()}
    except (ValueError, AttributeError):
        raise AddressError(f"connection {name!r}: its extras are no JSON object. {remedy}") from None


class _Literal(sa.types.UserDefinedType[Any]):
    """A bound value written as a typed literal, so that `:score_date - 7` is date arithmetic and not text."""

    cache_ok = True

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        return _literal


def _literal(value: date | datetime) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP WITH TIME ZONE '{value.astimezone(UTC).isoformat()}'"
    return f"DATE '{value.isoformat()}'"
