"""Any other database, by its SQLAlchemy dialect: a server-side cursor, read in batches.

Drivers tell a column's type each in their own way, so it is taken from the values: of the first batch, and for a
column that is null all through it, from the first value that the query gives at all.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pipeline.queries import BATCH_ROWS, Values, WarehouseError, bind

# What the server itself refused; a retry would meet the same refusal.
_REFUSALS = (sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.NotSupportedError, sa.exc.IntegrityError)

_NUMERIC = pa.opaque(pa.string(), "numeric", "sqlalchemy")
_INSTANT = pa.timestamp("us", "UTC")
_TYPES: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    Decimal: _NUMERIC,
    date: pa.date32(),
    bytes: pa.binary(),
}


@contextmanager
def stream(uri: str, query: str, values: Values, origin: str) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches.

    The transaction is rolled back at the end, whatever the query did; a role that may only read is safer still.

    Raises:
        WarehouseError: the database refused the query, or a column changes its type on the way.
        sqlalchemy.exc.SQLAlchemyError: the connection was lost; worth a retry.
    """
    clause = bind(query, values, origin)
    source = sa.create_engine(uri, poolclass=NullPool)
    with source.connect().execution_options(stream_results=True, max_row_buffer=BATCH_ROWS) as connection:
        try:
            rows = connection.execute(clause)
            names, chunks = list(rows.keys()), rows.partitions(BATCH_ROWS)
            first = next(chunks, [])
            types = [_type(values) for values in _columns(first, len(names))]
            for place, name in enumerate(names):
                if pa.types.is_null(types[place]) and names.count(name) == 1 and first:
                    types[place] = _type(_first_value(source, clause, name))
        except _REFUSALS as error:
            raise _refusal(error, origin) from error
        schema = pa.schema(list(zip(names, types, strict=True)))
        yield pa.RecordBatchReader.from_batches(schema, _batches(first, chunks, schema, origin))


def _batches(
    first: Sequence[Any], rest: Iterator[Sequence[Any]], schema: pa.Schema, origin: str
) -> Iterator[pa.RecordBatch]:
    chunk = first
    try:
        while chunk:
            columns = _columns(chunk, len(schema))
            arrays = [_array(values, field, origin) for values, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            chunk = next(rest, [])
    except _REFUSALS as error:
        raise _refusal(error, origin) from error


def _columns(chunk: Sequence[Any], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*chunk, strict=True)) if chunk else [()] * width


def _first_value(source: sa.Engine, clause: sa.TextClause, name: str) -> tuple[Any, ...]:
    column: sa.ColumnClause[Any] = sa.column(name)
    night = clause.columns(column).subquery("night")
    try:
        with source.connect() as connection:
            found = connection.execute(
                sa.select(night.c[name]).where(night.c[name].is_not(None)).limit(1)
            ).all()
    except _REFUSALS:  # some databases take no ORDER BY in a subquery
        return ()
    return tuple(row[0] for row in found)


def _type(values: Sequence[Any]) -> pa.DataType:
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if not kinds:
        return pa.null()
    if kinds <= {int, Decimal, float} and len(kinds) > 1:
        return _NUMERIC
    value = present[0]
    if isinstance(value, datetime):
        return _INSTANT if value.tzinfo else pa.timestamp("us")
    if kinds == {int} and not all(-(2**63) <= number < 2**63 for number in present):
        return _NUMERIC
    known = next((arrow for kind, arrow in _TYPES.items() if isinstance(value, kind)), None)
    # No type that a model takes: named for the refusal.
    return known or pa.opaque(pa.string(), type(value).__name__, "sqlalchemy")


def _array(values: tuple[Any, ...], field: pa.Field, origin: str) -> pa.Array:
    try:
        if isinstance(field.type, pa.OpaqueType):
            texts = pa.array([None if value is None else _said(value) for value in values], pa.string())
            return pa.ExtensionArray.from_storage(field.type, texts)
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise WarehouseError(
            f"{origin}: column {field.name!r} began as {field.type} and then held another type: {error}. "
            "CAST it in the query."
        ) from error


def _said(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _refusal(error: sa.exc.DBAPIError, origin: str) -> WarehouseError:
    return WarehouseError(f"{origin}: the database refused the query: {' '.join(str(error.orig).split())}")
