"""The database that a run's rows come from: whatever it is, its rows stream as Arrow of the same types."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from pipeline.databases import duckdb_file, postgres, postgres_errors, queries, sqlalchemy_cursor, sqlite_file
from pipeline.databases.queries import Query, WarehouseError

# Everything else goes through SQLAlchemy.
_WAYS = {"postgresql": postgres.stream, "sqlite": sqlite_file.stream, "duckdb": duckdb_file.stream}
# What drivers raise, and ADBC's readers through Arrow.
_LOST = (adbc.Error, sa.exc.SQLAlchemyError, OSError)


def expected_rows(address: str, query: Query) -> int | None:
    """How many rows a query gives: what the planner of Postgres expects, the count in a file, else None.

    A warehouse in a cloud would be paid twice for a count.

    Raises:
        WarehouseError: the database refused the query.
    """
    kind = sa.make_url(address).drivername
    if kind == "postgresql":
        return postgres.planned_rows(address, query)
    return count(address, query) if kind in _WAYS else None


def count(address: str, query: Query, snapshot: str | None = None) -> int:
    """How many rows a query gives, counted by the database.

    Raises:
        WarehouseError: the database refused the query.
    """
    with stream(address, queries.count(query), snapshot) as reader:
        return int(reader.read_all().column("counted")[0].as_py())


def has_snapshots(address: str) -> bool:
    """Whether the database can show several connections the same snapshot."""
    return sa.make_url(address).drivername == "postgresql"


@contextmanager
def shared_snapshot(address: str, origin: str) -> Iterator[str]:
    """Hold a snapshot of the database, from which several connections can read.

    Raises:
        WarehouseError: the database has no such thing.
    """
    if not has_snapshots(address):
        raise WarehouseError(
            f"{origin}: only Postgres shows several connections the same snapshot, so a run cannot be split into "
            "shards here. Set extract.shards = 1 in the job file."
        )
    with postgres.exported_snapshot(address, origin) as name:
        yield name


@contextmanager
def stream(address: str, query: Query, snapshot: str | None = None) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches, all from one snapshot of the database.

    Decimals come as decimals or as text of type `numeric`, instants in UTC. What a model cannot take, such as an
    array, comes in its own type, so that the contract can refuse the column by name.

    Args:
        address: of the database, from `address.warehouse`.
        query: the query.
        snapshot: what `shared_snapshot` gave, to read from that one.

    Raises:
        WarehouseError: the database refused the query (syntax, missing table or column, rights, bad data).
        adbc.Error, sqlalchemy.exc.SQLAlchemyError, OSError: the connection was lost; worth a retry.
    """
    of_address = _WAYS.get(sa.make_url(address).drivername, sqlalchemy_cursor.stream)
    way = of_address if snapshot is None else partial(postgres.stream, snapshot=snapshot)
    with ExitStack() as held:
        with postgres_errors.naming(address, *_LOST):
            reader = held.enter_context(way(address, query))
        yield pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, address))


def _batches(reader: pa.RecordBatchReader, address: str) -> Iterator[pa.RecordBatch]:
    with postgres_errors.naming(address, *_LOST):
        yield from reader
