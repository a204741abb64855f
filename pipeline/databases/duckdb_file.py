"""A DuckDB file as a warehouse, over DuckDB's own ADBC driver; opened read-only."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa
from adbc_driver_duckdb import driver_path

from pipeline.databases.queries import Query, WarehouseError, damaged, render

# How DuckDB begins the errors that another try may not meet: a file that another process holds, or a full disk.
_PASSING = ("IO Error", "Out of Memory Error", "Connection Error")
# A file that will be no better at the next try: cut off, of another kind or version, or overwritten.
_DAMAGED = ("not a valid DuckDB", "enough bytes", "with version number", "Corrupt database file")
# Files that a query names, and that are not there.
_GONE = ("No files found", "No such file")

# It would else fetch an extension that a query names from the network.
_SETTINGS = {"access_mode": "READ_ONLY", "autoinstall_known_extensions": "false"}


@contextmanager
def stream(uri: str, query: Query) -> Iterator[pa.RecordBatchReader]:
    """Run one query and hand out its rows as Arrow record batches.

    Raises:
        WarehouseError: DuckDB refused the query.
        adbc.Error, OSError: the file is held by another process, or cannot be read; worth a retry.
    """
    statement = render(query, literal)
    options = {"path": uri.removeprefix("duckdb:///"), "threads": str(pa.cpu_count()), **_SETTINGS}
    with ExitStack() as held:
        try:
            session = held.enter_context(
                adbc.connect(
                    driver=driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True
                )
            )
            cursor = held.enter_context(session.cursor())
            # Else a time means what the machine's own zone makes of it, and training's machine may have another.
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
        except adbc.Error as error:
            raise _refusal(error, query.file) from error
        yield pa.RecordBatchReader.from_batches(reader.schema, _batches(reader, query.file))


def literal(value: date | datetime) -> str:
    """A date or instant in DuckDB's dialect."""
    kind = "TIMESTAMPTZ" if isinstance(value, datetime) else "DATE"
    return f"{kind} '{value.isoformat()}'"


def _batches(reader: pa.RecordBatchReader, origin: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except OSError as error:
        raise _refusal(error, origin) from error


def _refusal(error: Exception, origin: str) -> Exception:
    if any(sign in str(error) for sign in _DAMAGED):
        return damaged(origin, "DuckDB", " ".join(str(error).rpartition("Error: ")[2].split()).rstrip(".!"))
    if any(kind in str(error) for kind in _PASSING) and not any(gone in str(error) for gone in _GONE):
        return error
    reason = str(error).partition(": ")[2] or str(error)
    return WarehouseError(f"{origin}: the database refused the query: {' '.join(reason.split())}")
