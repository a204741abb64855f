"""The database that a night's rows come from: whatever it is, its rows stream as Arrow of the same types."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import sqlalchemy as sa

from pipeline import cursor, duckdb, postgres, sqlite
from pipeline.queries import Values

# Everything else goes through SQLAlchemy.
_WAYS = {"postgresql": postgres.stream, "sqlite": sqlite.stream, "duckdb": duckdb.stream}


@contextmanager
def stream(address: str, query: str, values: Values, origin: str) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches, all from one snapshot of the database.

    Decimals come as decimals or as text of type `numeric`, instants in UTC. What a model cannot take, such as an
    array, comes in its own type, so that the contract can refuse the column by name.

    Args:
        address: of the database, from `address.warehouse`.
        query: SQL with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.

    Raises:
        WarehouseError: the database refused the query (syntax, missing table or column, rights, bad data).
        adbc.Error, sqlalchemy.exc.SQLAlchemyError, OSError: the connection was lost; worth a retry.
    """
    way = _WAYS.get(sa.make_url(address).drivername, cursor.stream)
    with way(address, query, values, origin) as reader:
        yield reader
