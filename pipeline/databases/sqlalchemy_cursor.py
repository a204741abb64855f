"""Any other database, by its SQLAlchemy dialect: a server-side cursor, read in batches.

Drivers tell a column's type each in their own way, so it is taken from the values of the first batch. A later value may
be of another type. So every value comes as its text, marked with the column's type: the contract reads it exactly, or
rejects its row, and a column that no model takes harms nobody. A value of a type that has no one text is no text at
all, whatever the column's type.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pipeline.databases.queries import BATCH_ROWS, Query, WarehouseError, bind, damaged
from pipeline.databases.sqlite_file import damage

# What the server itself refused; a retry would meet the same refusal.
_REFUSALS = (sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.NotSupportedError, sa.exc.IntegrityError)
# Some drivers call everything an operational error: what a server says that still answers is a refusal, but for locks,
# limits and whatever else may be gone at the next try.
_PASSING = re.compile(
    r"lock|busy|time.?out|timed out|too many|limit|full|memory|space|resource|shut|restart|recover|starting|terminat|"
    r"kill|cancel|interrupt|abort|disk|i/o|unable to open|connect|gone away|try again",
    re.IGNORECASE,
)

# A dialect takes no notice of another's.
_OPTIONS: dict[str, Any] = {
    "stream_results": True,
    "max_row_buffer": BATCH_ROWS,
    "postgresql_readonly": True,
}

# In this order: a bool is an int in Python, and a datetime a date.
_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "numeric",
    Decimal: "numeric",
    datetime: "timestamp",
    date: "date",
}

_NO_TEXT = "\udfff"
_ENDLESS = {datetime.max.replace(tzinfo=UTC): "infinity", datetime.min.replace(tzinfo=UTC): "-infinity"}


@contextmanager
def stream(uri: str, query: Query) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches.

    The transaction only reads where the dialect can begin such a one, and is rolled back at the end whatever the query
    did; a role that may only read is safer still.

    Raises:
        WarehouseError: the database refused the query.
        sqlalchemy.exc.SQLAlchemyError: the connection was lost; worth a retry.
    """
    clause = bind(query)
    source = sa.create_engine(uri, poolclass=NullPool)
    with source.connect().execution_options(**_OPTIONS) as connection:
        try:
            rows = connection.execute(clause)
            names, chunks = list(rows.keys()), rows.partitions(BATCH_ROWS)
            first = next(chunks, [])
            types = [_type(values) for values in _columns(first, len(names))]
        except sa.exc.ResourceClosedError as error:
            raise WarehouseError(
                f"{query.file}: the database has no rows to give for it. Write one SELECT, and no other statement."
            ) from error
        except sa.exc.DBAPIError as error:
            raise _sorted_out(error, connection, query.file) from error
        schema = pa.schema(list(zip(names, types, strict=True)))
        yield pa.RecordBatchReader.from_batches(
            schema, _batches(first, chunks, schema, query.file, connection)
        )


def _batches(
    first: Sequence[Any],
    rest: Iterator[Sequence[Any]],
    schema: pa.Schema,
    origin: str,
    connection: sa.Connection,
) -> Iterator[pa.RecordBatch]:
    chunk = first
    text = _postgres_text if connection.dialect.name == "postgresql" else _text
    try:
        while chunk:
            columns = _columns(chunk, len(schema))
            arrays = [
                _array([None if value is None else text(value) for value in values], field)
                for values, field in zip(columns, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            chunk = next(rest, [])
    except sa.exc.DBAPIError as error:
        raise _sorted_out(error, connection, origin) from error


def _columns(chunk: Sequence[Any], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*chunk, strict=True)) if chunk else [()] * width


def _type(values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    if not present:
        return _marked("null")
    if all(type(value) is str for value in present):
        return pa.string()
    if {type(value) for value in present} <= {int, Decimal, float}:
        return _marked("integer" if all(type(value) is int for value in present) else "numeric")
    # Of what is no text: MySQL writes 0000-00-00 into a column of dates.
    value = next(value for value in present if type(value) is not str)
    if isinstance(value, datetime) and value.tzinfo:
        return _marked("instant")
    kind = next((kind for kind in _KINDS if isinstance(value, kind)), None)
    # No type that a model takes: named for the refusal.
    return _marked(_KINDS[kind] if kind else type(value).__name__)


def _marked(kind: str) -> pa.DataType:
    return pa.opaque(pa.string(), kind, "sqlalchemy")


def _array(texts: list[str | None], field: pa.Field) -> pa.Array:
    try:
        stored = pa.array(texts, pa.string())
    except (
        UnicodeEncodeError
    ):  # half of a pair of code units: no UTF-8, and told from text by whoever reads it
        raw = pa.array(
            [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts], pa.binary()
        )
        stored = pc.cast(raw, options=pc.CastOptions(pa.string(), allow_invalid_utf8=True))
    return (
        pa.ExtensionArray.from_storage(field.type, stored)
        if isinstance(field.type, pa.OpaqueType)
        else stored
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, bool):
        return str(value).lower()
    # A float's text is the shortest that is read as the same number.
    if isinstance(value, int | float | date):
        return repr(value) if isinstance(value, float) else str(value)
    # Bytes, a UUID, a list: half of a pair of code units behind it has the contract reject it.
    return f"{value!r}{_NO_TEXT}"


def _postgres_text(value: Any) -> str:
    """Its drivers hand out the first and the last time of Python for times without an end."""
    if isinstance(value, datetime):
        return _ENDLESS.get(value.replace(tzinfo=UTC)) or _text(value)
    return _text(value)


def _sorted_out(error: sa.exc.DBAPIError, connection: sa.Connection, origin: str) -> Exception:
    """The error as a refusal, or as it is where another try may not meet it."""
    reason = " ".join(str(error.orig).split())
    if connection.dialect.name == "sqlite" and damage(reason):
        return damaged(origin, "SQLite", reason)
    if not isinstance(error, _REFUSALS):
        passing = not isinstance(error, sa.exc.OperationalError) or _PASSING.search(reason)
        if passing or error.connection_invalidated or not _answers(connection):
            return error
    return WarehouseError(f"{origin}: the database refused the query: {reason}")


def _answers(connection: sa.Connection) -> bool:
    try:
        connection.rollback()
        return bool(connection.dialect.do_ping(connection.connection.dbapi_connection))  # type: ignore[arg-type]
    except (sa.exc.SQLAlchemyError, connection.dialect.loaded_dbapi.Error):
        return False
