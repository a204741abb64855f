"""A SQLite file as a warehouse, over ADBC; opened read-only.

SQLite types each value, not each column, and the driver takes a column's type from the first rows alone. So the query
is looked through once for what its columns hold, and then read with a first row that has every column's type. A column
declared as a date, a time or a boolean comes as the text that SQLite keeps, marked with the declared type: the
contract reads every value exactly, or rejects its row.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote

import adbc_driver_manager.dbapi as adbc
import adbc_driver_sqlite.dbapi as driver
import pyarrow as pa
from adbc_driver_sqlite import StatementOptions

from pipeline.databases.queries import BATCH_ROWS, Query, WarehouseError, damaged, render

# Declared types that SQLite keeps as text or as 0 and 1, and what they are.
_DECLARED = (
    (re.compile(r"TIMESTAMPTZ|TIMESTAMP WITH TIME ZONE", re.I), "instant"),
    (re.compile(r"TIMESTAMP|DATETIME", re.I), "timestamp"),
    (re.compile(r"DATE", re.I), "date"),
    (re.compile(r"BOOL", re.I), "boolean"),
    (re.compile(r"DECIMAL|NUMERIC", re.I), "numeric"),
)

_DAMAGED = re.compile("database disk image is malformed|file is not a database")

# No name of a table that the query could mean.
_VIEW = "scoring_the_night"


@dataclass(frozen=True)
class _Column:
    """How a column is read.

    Attributes:
        name: as the query names it.
        expression: SQL that reads it.
        first: a literal of its type, for the row that comes first.
        arrow: its Arrow type.
    """

    name: str
    expression: str
    first: str
    arrow: pa.DataType


@contextmanager
def stream(uri: str, query: Query) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches.

    Raises:
        WarehouseError: SQLite refused the query.
        adbc.Error, OSError: the file is locked, or cannot be read; worth a retry.
    """
    statement = render(query, _literal)
    with ExitStack() as held:
        try:
            session = held.enter_context(
                driver.connect(f"file:{quote(uri.removeprefix('sqlite:///'))}?mode=ro")
            )
            cursor = held.enter_context(session.cursor())
            cursor.execute(f"CREATE TEMP VIEW {_VIEW} AS {statement}")
            columns = _columns(cursor)
            cursor.adbc_statement.set_options(**{StatementOptions.BATCH_ROWS.value: BATCH_ROWS})
            read = ", ".join(column.expression for column in columns)
            first = ", ".join(column.first for column in columns)
            cursor.execute(f"SELECT {first} UNION ALL SELECT {read} FROM {_VIEW}")  # noqa: S608 - names are quoted
            reader = cursor.fetch_record_batch()
        except adbc.Error as error:
            raise _refusal(error, query.file) from error
        schema = pa.schema([(column.name, column.arrow) for column in columns])
        yield pa.RecordBatchReader.from_batches(schema, _batches(reader, schema, query.file))


def damage(error: object) -> str:
    """What SQLite says of a file that is damaged or none of its own; empty for any other error."""
    sign = _DAMAGED.search(str(error))
    return sign[0] if sign else ""


def _refusal(error: adbc.Error | OSError, origin: str) -> Exception:
    """The error as a refusal, or as it is where another try may not meet it."""
    if reason := damage(error):
        return damaged(origin, "SQLite", reason)
    if not isinstance(error, adbc.ProgrammingError):
        return error
    reason = str(error).partition("[SQLite]")[2].partition("\nquery:")[0]
    return WarehouseError(f"{origin}: the database refused the query: {reason.strip()}")


def _columns(cursor: adbc.Cursor) -> list[_Column]:
    cursor.execute(f"PRAGMA table_info({_VIEW})")
    declared = [(row[1], row[2]) for row in cursor.fetchall()]
    kinds = ", ".join(f"group_concat(DISTINCT typeof({_name(name)}))" for name, _ in declared)
    cursor.execute(f"SELECT {kinds} FROM {_VIEW}")  # noqa: S608 - names are quoted
    storages = cursor.fetchone() or ()
    names = {name for name, _ in declared}
    return [
        _Column(
            _given(name, names),
            *_read(_name(name), kind, set((storage or "").split(",")) - {"", "null"}),
        )
        for (name, kind), storage in zip(declared, storages, strict=True)
    ]


def _given(name: str, names: set[str]) -> str:
    """A column's name in the query: one that comes twice is `name:1` in a view, and the contract is to see it twice."""
    bare = re.sub(r":\d+$", "", name)
    return bare if bare in names else name


def _read(name: str, declared: str, storage: set[str]) -> tuple[str, str, pa.DataType]:
    """SQL, first value and Arrow type of a column with a declared type (may be empty) and values of these classes."""
    kind = next((kind for pattern, kind in _DECLARED if pattern.search(declared)), "")
    # A cast alone would keep 15 digits of a float.
    text = f"CASE typeof({name}) WHEN 'real' THEN printf('%!.17g', {name}) ELSE CAST({name} AS text) END"
    if "blob" in storage:
        return f"CAST({name} AS blob)", "x''", pa.binary()
    if kind and kind != "numeric":
        return text, "''", pa.opaque(pa.string(), kind, "sqlite")
    number = kind == "numeric" or re.search("INT|REAL|FLOA|DOUB", declared, re.I) is not None
    if "text" in storage or (number and not storage):
        return text, "''", pa.opaque(pa.string(), "numeric", "sqlite") if number else pa.string()
    if storage == {"integer"}:
        return name, "0", pa.int64()
    if storage == {"real"}:
        return name, "0.0", pa.opaque(pa.float64(), "numeric", "sqlite") if kind else pa.float64()
    if storage:
        # As text: a large integer among the fractions would lose its last digits as a float.
        return text, "''", pa.opaque(pa.string(), "numeric", "sqlite")
    return text, "''", pa.string() if re.search("CHAR|CLOB|TEXT", declared, re.I) else pa.null()


def _batches(reader: pa.RecordBatchReader, schema: pa.Schema, origin: str) -> Iterator[pa.RecordBatch]:
    for number, batch in enumerate(_read_batches(reader, origin)):
        rows = batch.slice(1) if number == 0 else batch
        columns = [_marked(column, field.type) for column, field in zip(rows.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _read_batches(reader: pa.RecordBatchReader, origin: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (adbc.Error, OSError) as error:
        raise _refusal(error, origin) from error


def _marked(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if isinstance(wanted, pa.OpaqueType):
        return pa.ExtensionArray.from_storage(wanted, column)
    return pa.nulls(len(column)) if pa.types.is_null(wanted) else column


def _name(column: str) -> str:
    quoted = column.replace('"', '""')
    return f'"{quoted}"'


def _literal(value: date | datetime) -> str:
    """As SQLite's own functions write a date and a time of UTC."""
    return f"'{value:%Y-%m-%d %H:%M:%S}'" if isinstance(value, datetime) else f"'{value:%Y-%m-%d}'"
