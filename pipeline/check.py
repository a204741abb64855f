"""Hold a night's rows against the model's contract: which may be scored, and why not the others.

A wrong schema refuses the whole night, a wrong value rejects its row. Everything works on whole Arrow columns, batch
by batch.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract import ENTITY, Column, Contract, ContractError

# A rejected value is kept for a person to read, not to process.
MAX_VALUE_LENGTH = 200

# 4713 BC in microseconds. Postgres knows no earlier time: its infinities, which the driver does not know, wrap
# around to some 290,000 years before.
_EARLIEST = -210_866_803_200_000_000

REJECTED = pa.schema(
    {
        "row_number": pa.int64(),
        "entity_id": pa.string(),
        "column_name": pa.string(),
        "rule": pa.string(),
        "value": pa.string(),
    }
)


@dataclass(frozen=True)
class Policy:
    """What to do with a value that the model may be able to score all the same."""

    unknown_category: Literal["warn", "reject"] = "warn"
    out_of_range: Literal["warn", "reject"] = "warn"


@dataclass
class Counts:
    """How a column's values met the contract, added up over batches."""

    null: int = 0
    unknown_category: int = 0
    out_of_range: int = 0

    def __add__(self, other: Self) -> Self:
        """Both together."""
        return type(self)(
            self.null + other.null,
            self.unknown_category + other.unknown_category,
            self.out_of_range + other.out_of_range,
        )


@dataclass(frozen=True)
class Checked:
    """A batch held against its contract.

    Attributes:
        accepted: the rows that may be scored: `entity_id` and the features, in the trained order.
        rejected: one row for each broken rule of each rejected row (schema `REJECTED`).
        rejected_rows: how many rows were rejected.
    """

    accepted: pa.RecordBatch
    rejected: pa.RecordBatch
    rejected_rows: int


@dataclass
class Checker:
    """Holds one night's batches against a contract and counts what it sees.

    Attributes:
        contract: the contract of the model that will score.
        policy: what the job says of unknown categories and values out of range.
        counts: per column, what was seen so far.
    """

    contract: Contract
    policy: Policy
    counts: dict[str, Counts] = field(init=False)
    _rows: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.counts = {column.name: Counts() for column in self.contract.columns}

    def schema(self, found: pa.Schema, origin: str) -> None:
        """Refuse a query result whose columns the model cannot take, before any row is read.

        Raises:
            ContractError: a column is missing, doubled, or of another kind than in training; all are named.
        """
        problems = [*_entity_problems(found)]
        for column in self.contract.columns:
            problems += _column_problems(column, found)
        if problems:
            raise ContractError(f"{origin}: " + "; ".join(problems))

    def check(self, batch: pa.RecordBatch) -> Checked:
        """Split a batch into the rows that may be scored and the reasons why the others may not."""
        entity = _text(batch.column(ENTITY))
        failures = [(ENTITY, "null", pc.is_null(entity), entity)]
        accepted = [entity]
        for column in self.contract.columns:
            found = batch.column(column.name)
            values, unreadable = convert(found, column)
            accepted.append(values)
            failures.append((column.name, "type", unreadable, found))
            failures += [
                (column.name, rule, mask, found) for rule, mask in self._broken(column, values, unreadable)
            ]
        failures = [failure for failure in failures if pc.any(failure[2]).as_py()]
        checked = self._split(pa.RecordBatch.from_arrays(accepted, schema=self.contract.schema), failures)
        self._rows += batch.num_rows
        return checked

    def _broken(
        self, column: Column, values: pa.Array, unreadable: pa.Array
    ) -> Iterable[tuple[str, pa.BooleanArray]]:
        counts, missing = self.counts[column.name], pc.and_not(pc.is_null(values), unreadable)
        counts.null += _count(missing)
        if not column.nullable:
            yield "null", missing
        if pa.types.is_floating(values.type):
            yield "finite", pc.fill_null(pc.is_inf(values), False)
        if values.type in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            yield "finite", pc.fill_null(pc.less(pc.cast(values, pa.int64()), _EARLIEST), False)
        if column.categories is not None:
            known = pc.is_in(values, pa.array(column.categories, pa.string()))
            unknown = pc.and_not(pc.is_valid(values), known)
            counts.unknown_category += _count(unknown)
            if self.policy.unknown_category == "reject" or not column.accepts_unknown:
                yield "unknown_category", unknown
        if column.minimum is not None and column.maximum is not None:
            # Bounds of the column's own type: Arrow would compare large integers with floats, and fail.
            low, high = (pa.scalar(bound, values.type) for bound in (column.minimum, column.maximum))
            outside = pc.or_(pc.less(values, low), pc.greater(values, high))
            outside = pc.fill_null(outside, False)
            counts.out_of_range += _count(outside)
            if self.policy.out_of_range == "reject":
                yield "out_of_range", outside

    def _split(
        self, batch: pa.RecordBatch, failures: list[tuple[str, str, pa.BooleanArray, pa.Array]]
    ) -> Checked:
        if not failures:
            return Checked(batch, pa.RecordBatch.from_pylist([], schema=REJECTED), 0)
        bad = reduce(pc.or_, (mask for _, _, mask, _ in failures))
        tables = [self._reasons(batch.column(ENTITY), *failure) for failure in failures]
        rejected = pa.Table.from_batches(tables).combine_chunks().to_batches()
        return Checked(batch.filter(pc.invert(bad)), rejected[0], _count(bad))

    def _reasons(
        self, entity: pa.Array, column: str, rule: str, mask: pa.BooleanArray, found: pa.Array
    ) -> pa.RecordBatch:
        where = pc.indices_nonzero(mask)
        value = pc.utf8_slice_codeunits(_text(found.take(where)), 0, MAX_VALUE_LENGTH)
        rows = pc.add(pc.cast(where, pa.int64()), self._rows)
        names = [pa.array([text] * len(where), pa.string()) for text in (column, rule)]
        return pa.RecordBatch.from_arrays([rows, entity.take(where), *names, value], schema=REJECTED)


def convert(found: pa.Array, column: Column) -> tuple[pa.Array, pa.BooleanArray]:
    """Convert a column as the database sent it to the contract's type, exactly or not at all.

    Returns:
        the values, null where there is none or none that is exact; and a mask of those that have no exact form.
    """
    stored = _storage(found)
    if pa.types.is_decimal(stored.type):
        # By way of its digits: Arrow's own way to a float may end one bit beside the nearest.
        stored = pc.cast(stored, pa.string())
    if pa.types.is_string(stored.type) and column.kind in ("integer", "number"):
        # The database's decimals arrive as text: 12.00 is the integer 12, 12.50 is none.
        stored = pc.replace_substring_regex(stored, r"\.0+$", "")
    try:
        values = pc.cast(stored, column.arrow)
        unreadable = pa.array(np.zeros(len(values), dtype=bool))
    except pa.ArrowInvalid:
        cells = [_cell(value, column.arrow) for value in stored]
        values = pa.array([cell.as_py() if cell is not None else None for cell in cells], column.arrow)
        unreadable = pa.array([cell is None for cell in cells], pa.bool_())
    if pa.types.is_floating(values.type):
        # pandas knows one missing value for numbers, NaN, so that is what training took for null.
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values, unreadable


def _cell(value: pa.Scalar, wanted: pa.DataType) -> pa.Scalar | None:
    try:
        return value.cast(wanted)
    except pa.ArrowInvalid:
        return None


def _entity_problems(found: pa.Schema) -> Iterable[str]:
    places = found.get_all_field_indices(ENTITY)
    if not places:
        yield f"column {ENTITY!r} is missing{_nearest(ENTITY, found.names)}; name what gets a score AS {ENTITY}"
    elif len(places) > 1:
        yield f"column {ENTITY!r} comes {len(places)} times; name what gets a score once"
    elif _kind(found.field(ENTITY).type) not in ("text", "integer", "null"):
        yield f"column {ENTITY!r} is {_type_name(found.field(ENTITY))}; make it text with CAST(... AS text)"


def _column_problems(column: Column, found: pa.Schema) -> Iterable[str]:
    places = found.get_all_field_indices(column.name)
    if not places:
        yield f"column {column.name!r}, which the model takes, is missing{_nearest(column.name, found.names)}"
    elif len(places) > 1:
        yield f"column {column.name!r} comes {len(places)} times; name each column once"
    else:
        kind, name = _kind(found.field(column.name).type), _type_name(found.field(column.name))
        fits = kind in (column.kind, "null") or (column.kind, kind) in _EXACT
        if not fits or name == "money":
            yield (
                f"column {column.name!r} is {name}, and the model was trained on {column.kind}; "
                "convert it in the query, or train again"
            )


# (trained on, found): pairs of other kinds that convert exactly, value by value.
_EXACT = {("number", "integer"), ("number", "decimal"), ("integer", "decimal")}


def _kind(found: pa.DataType) -> str:
    if isinstance(found, pa.OpaqueType):
        return "decimal" if found.type_name == "numeric" else found.type_name
    if pa.types.is_dictionary(found):
        return _kind(found.value_type)
    tests: dict[str, Callable[[pa.DataType], bool]] = {
        # A column without any value, in a database that types values and not columns.
        "null": pa.types.is_null,
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": pa.types.is_floating,
        "decimal": pa.types.is_decimal,
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "timestamp": lambda kind: pa.types.is_timestamp(kind) and kind.tz is None,
        "instant": pa.types.is_timestamp,
    }
    return next((kind for kind, test in tests.items() if test(found)), str(found))


def _type_name(found: pa.Field) -> str:
    if (found.metadata or {}).get(b"POSTGRESQL:type") == b"money":
        return "money"  # sent as an integer number of cents
    return str(found.type.type_name) if isinstance(found.type, pa.OpaqueType) else str(found.type)


def _storage(found: pa.Array) -> pa.Array:
    return found.storage if isinstance(found, pa.ExtensionArray) else found


def _text(found: pa.Array) -> pa.Array:
    return pc.cast(_storage(found), pa.string())


def _count(mask: pa.BooleanArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (the query has {close[0]!r}: rename it)" if close else ""
