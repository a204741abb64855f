"""Rows of many score dates become one table, whose columns have one type on all dates.

Each date's rows are first put aside as the database sent them: what a column is shows only when all dates have been
read, since SQLite, for one, types values and not columns. So no more than a batch is in memory.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import dates
from pipeline.contract import schema as columns
from pipeline.contract.checker import BatchResult, Checker
from pipeline.contract.contract import ENTITY, Column, Contract, ContractError, Kind
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError

SCORE_DATE = "score_date"

# A file's row groups; a batch of a database may have a few rows only.
_ROWS_PER_GROUP = 65_536
# A float has all integers up to here; pandas takes a column of integers with gaps for floats.
_EXACT_FLOATS = 2**53
_NUMBERS = {"integer", "number", "decimal"}
# What a database sends -> what a model takes.
_KINDS: dict[str, Kind] = {
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "text": "text",
    "timestamp": "timestamp",
    "instant": "instant",
}


class TrainingError(ScoringError):
    """Training rows that cannot be had as they are asked for."""


@dataclass(frozen=True)
class Source:
    """Where training rows come from.

    Attributes:
        address: of the warehouse.
        query: SQL with `:name` parameters.
        origin: the query's file, for messages.
        zone: in which a score date begins and ends.
    """

    address: str
    query: str
    origin: str
    zone: ZoneInfo

    def values(self, day: date) -> queries.Values:
        """The parameters' values of a score date."""
        start, end = dates.interval(day, self.zone)
        return {SCORE_DATE: day, "interval_start": start, "interval_end": end, "shard": 0, "shards": 1}


@dataclass
class Gathered:
    """What was seen of all rows: their number, those left out, and gaps among large integers.

    Attributes:
        origin: the query's file.
        rows: rows that were kept.
        left_out: rows that were not.
        reasons: how many rows broke each rule of each column.
        foreign: columns of a type that no model takes, with that type.
        gaps: columns of integers that have a null.
        large: columns of integers that have one which no float has.
    """

    origin: str
    rows: int = 0
    left_out: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    foreign: dict[str, str] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)

    def add(self, checked: BatchResult) -> None:
        """Take a batch into account."""
        self.rows += checked.accepted.num_rows
        self.left_out += checked.rejected_rows
        for failure in checked.failures:
            self.reasons[failure.column, failure.rule] += failure.mask.true_count
        for column in checked.accepted.schema:
            values = checked.accepted.column(column.name)
            if not pa.types.is_integer(column.type):
                continue
            if values.null_count:
                self.gaps.add(column.name)
            limits = pc.min_max(values).as_py()
            if max(abs(limit or 0) for limit in limits.values()) > _EXACT_FLOATS:
                self.large.add(column.name)

    def require_rows(self, first: date, last: date) -> None:
        """Refuse what is empty, and what pandas would round."""
        if not self.rows:
            left_out = f", save {self.left_out} that every night would reject" if self.left_out else ""
            raise TrainingError(
                f"{self.origin} gives no rows from {first} to {last}{left_out}. Name dates that have some."
            )
        if both := sorted(self.gaps & self.large):
            raise TrainingError(
                f"{self.origin}: column {both[0]!r} has nulls and integers beyond 2^53, which pandas would round. "
                f"Fill the nulls in the query, or make the column text: CAST({both[0]} AS text)."
            )

    def warnings(self) -> Iterator[str]:
        """Sentences about the columns and the rows that were left out."""
        for column, kind in self.foreign.items():
            yield (
                f"{self.origin}: column {column!r} is {kind}, which no model takes, and is left out. "
                "Convert it in the query."
            )
        if self.left_out:
            why = ", ".join(f"{column}: {rule} ({rows})" for (column, rule), rows in self.reasons.items())
            yield (
                f"{self.origin}: {self.left_out} of {self.rows + self.left_out} rows are left out, as every night "
                f"would reject them: {why}. Correct them in the warehouse, or leave them out in the query."
            )


def write(source: Source, days: list[date], path: Path) -> Gathered:
    """Write the rows of score dates to a Parquet file; returns what was seen of them."""
    seen = Gathered(source.origin)
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        spool = Path(folder)
        schemas = {day: _put_aside(source, day, spool / day.isoformat()) for day in days}
        contract = _contract(schemas, seen)
        schema = contract.schema.insert(1, pa.field(SCORE_DATE, pa.timestamp("us")))
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for rows in _grouped(_checked(contract, days, spool, seen), schema):
                writer.write_table(rows)
    seen.require_rows(days[0], days[-1])
    return seen


def _put_aside(source: Source, day: date, path: Path) -> pa.Schema:
    """Write a score date's rows to a file as the database sent them; returns their schema."""
    with warehouse.stream(source.address, Query(source.query, source.values(day), source.origin)) as reader:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return reader.schema


def _contract(schemas: dict[date, pa.Schema], seen: Gathered) -> Contract:
    """A contract of what the database sent: every value that has an exact form is let through."""
    names = list(dict.fromkeys(name for schema in schemas.values() for name in schema.names))
    columns = [_column(name, schemas, seen) for name in names if name not in (ENTITY, SCORE_DATE)]
    return Contract(tuple(column for column in columns if column is not None))


def _column(name: str, schemas: dict[date, pa.Schema], seen: Gathered) -> Column | None:
    fields = {}
    for day, schema in schemas.items():
        if schema.names.count(name) != 1:
            times = schema.names.count(name)
            raise ContractError(
                f"{seen.origin}: column {name!r} comes {times} times on {day}. Name each column once, on every date."
            )
        fields[day] = schema.field(name)
    kinds: dict[str, date] = {}
    for day, sent in fields.items():
        if columns.kind(sent) != "null":
            kinds.setdefault(columns.kind(sent), day)
    if len(kinds) > 1 and not set(kinds) <= _NUMBERS:
        (one, then), (other, now), *_ = kinds.items()
        raise ContractError(
            f"{seen.origin}: column {name!r} is {one} on {then}, and {other} on {now}. Convert it in the query."
        )
    only = next(iter(kinds)) if len(kinds) == 1 else "number"
    if only not in _KINDS:
        seen.foreign[name] = only
        return None
    kind = _KINDS[only]
    dtype = _dtype(kind, [field.type for field in fields.values()])
    # Whether a time may lie after its score date is asked when the model is registered, and every night.
    return Column(name, kind, dtype, nullable=True, planned=True)


def _dtype(kind: Kind, types: list[pa.DataType]) -> str:
    """The dtype in which all values of these types are exact."""
    if kind == "integer":
        return "uint64" if any(map(pa.types.is_uint64, types)) else "int64"
    if kind in ("timestamp", "instant"):
        fine = any(pa.types.is_timestamp(stored) and stored.unit == "ns" for stored in types)
        return f"datetime64[{'ns' if fine else 'us'}{', UTC' if kind == 'instant' else ''}]"
    return {"number": "float64", "boolean": "object", "text": "str"}[kind]


def _checked(contract: Contract, days: list[date], spool: Path, seen: Gathered) -> Iterator[pa.RecordBatch]:
    """The accepted rows of every date, with the date."""
    for day in days:
        checker = Checker(contract)
        with pa.OSFile(str(spool / day.isoformat())) as file, pa.ipc.open_stream(file) as reader:
            checker.schema(reader.schema, seen.origin)
            for batch in reader:
                checked = checker.check(batch)
                seen.add(checked)
                rows = checked.accepted
                at = pa.repeat(pa.scalar(pd.Timestamp(day), pa.timestamp("us")), rows.num_rows)
                yield pa.RecordBatch.from_arrays(
                    [rows.column(0), at, *rows.columns[1:]],
                    names=[ENTITY, SCORE_DATE, *rows.schema.names[1:]],
                )


def _grouped(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= _ROWS_PER_GROUP:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)
