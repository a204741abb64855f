"""Rows of many score dates become one table, whose columns have one type on all dates.

Each date's rows are first spooled to a file as the database sent them. A column's type shows only when all dates have
been read, since SQLite, for one, types values and not columns. So no more than a batch is in memory.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import dates
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, SCORE_DATE, Contract
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.training.column_types import infer_contract
from pipeline.training.summary import Summary

# A file's row groups; a batch of a database may have a few rows only.
_ROWS_PER_GROUP = 65_536


@dataclass(frozen=True)
class Source:
    """Where training rows come from.

    Attributes:
        database_url: of the warehouse.
        query: SQL with `:name` parameters.
        origin: the query's file, for messages.
        zone: in which a score date begins and ends.
    """

    database_url: str
    query: str
    origin: str
    zone: ZoneInfo


def write(source: Source, days: list[date], path: Path) -> Summary:
    """Write the rows of score dates to a Parquet file; returns their summary."""
    summary = Summary(source.origin)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        spooled = Path(folder)
        schemas = {day: _spool(source, day, spooled / day.isoformat()) for day in days}
        contract = infer_contract(schemas, summary)
        schema = contract.schema.insert(1, pa.field(SCORE_DATE, pa.timestamp("us")))
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for rows in _grouped(_checked(contract, days, spooled, summary), schema):
                writer.write_table(rows)
    summary.require_rows(days[0], days[-1])
    return summary


def _spool(source: Source, day: date, path: Path) -> pa.Schema:
    """Write a score date's rows to a file as the database sent them; returns their schema."""
    values = dates.query_values(day, source.zone)
    with warehouse.stream(source.database_url, Query(source.query, values, source.origin)) as reader:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return reader.schema


def _checked(
    contract: Contract, days: list[date], spooled: Path, summary: Summary
) -> Iterator[pa.RecordBatch]:
    """The accepted rows of every date, with the date."""
    for day in days:
        checker = Checker(contract)
        with pa.OSFile(str(spooled / day.isoformat())) as file, pa.ipc.open_stream(file) as reader:
            checker.schema(reader.schema, summary.origin)
            for batch in reader:
                checked = checker.check(batch)
                summary.add(checked)
                rows = checked.accepted
                at = pa.repeat(pa.scalar(pd.Timestamp(day), pa.timestamp("us")), rows.num_rows)
                yield pa.RecordBatch.from_arrays(
                    [rows.column(0), at, *rows.columns[1:]],
                    names=[ENTITY, SCORE_DATE, *rows.schema.names[1:]],
                )


def _grouped(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    group: list[pa.RecordBatch] = []
    for batch in batches:
        group.append(batch)
        if sum(map(len, group)) >= _ROWS_PER_GROUP:
            yield pa.Table.from_batches(group, schema)
            group = []
    if group:
        yield pa.Table.from_batches(group, schema)
