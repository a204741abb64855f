"""Random tables, contracts and job files: the checker says what a slow, obviously right one says."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.contract_section import RULES, ContractSection
from pipeline.config.job import JobError
from pipeline.contract.batch_result import MAX_VALUE_LENGTH
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract, Kind
from pipeline.contract.policy import Policy
from tests.pipeline.contract import slow_checker
from tests.pipeline.contract.slow_checker import Found, Row, Said

NUMERIC = pa.opaque(pa.string(), "numeric", "PostgreSQL")
NIGHT_END = datetime(2024, 3, 2, tzinfo=UTC)
END = int(NIGHT_END.timestamp()) * 10**6
# Postgres's infinities, as its driver hands them out.
INFINITIES = [-(2**63) + 946_684_800_000_000, -(2**63) + 946_684_799_999_999]


@dataclass(frozen=True)
class Sent:
    """How a database may send a column: the Arrow type, and cells of it."""

    kind: Kind
    dtype: str
    arrow: pa.DataType
    cells: st.SearchStrategy[Any]


FLOATS = st.floats(-200, 200) | st.sampled_from(
    [math.nan, math.inf, -math.inf, -0.0, 5e-324, -5e-324, 1.8e308]
)
INTEGERS = st.integers(-20, 200) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
DECIMALS = st.decimals(-20, 20, places=2).map(str) | st.sampled_from(
    ["12", "12.00", "9007199254740993", "0.1", "n/a", "", "9" * 30, "-0.00", "1.2.3"]
)
TEXTS = st.text(max_size=3) | st.sampled_from(
    ["shop", "web", "phone", "", "🛩", "שלום", "e\u0301" * 11, "x" * 20, "y" * 300, "a\0b"]
)
TIMES = st.sampled_from(
    [0, -1, 1, END, END + 1, END - 1, 253_402_214_400_000_000, -62_135_596_800_000_000]
) | (st.sampled_from(INFINITIES) | st.integers(0, 2 * END))
STAMP, INSTANT = pa.timestamp("us"), pa.timestamp("us", "UTC")
SENT = [
    Sent("integer", "Int64", pa.int64(), INTEGERS),
    Sent("integer", "Int64", NUMERIC, DECIMALS),
    Sent("integer", "Int64", pa.decimal128(20, 2), st.decimals(-20, 20, places=2)),
    Sent("integer", "int8", pa.int64(), INTEGERS),
    Sent("number", "float64", pa.float64(), FLOATS),
    Sent("number", "float64", pa.int64(), INTEGERS),
    Sent("number", "float64", NUMERIC, DECIMALS | st.sampled_from(["NaN", "Infinity", "-Infinity"])),
    Sent("number", "float64", pa.decimal128(20, 2), st.decimals(-20, 20, places=2)),
    Sent("text", "str", pa.string(), TEXTS),
    Sent("text", "category", pa.dictionary(pa.int32(), pa.string()), TEXTS),
    Sent("boolean", "boolean", pa.bool_(), st.booleans()),
    Sent("timestamp", "datetime64[us]", STAMP, TIMES),
    Sent("timestamp", "datetime64[ns]", STAMP, TIMES),
    Sent("instant", "datetime64[us, UTC]", INSTANT, TIMES),
]
ACTIONS = st.sampled_from(["reject", "warn", "ignore"])


@dataclass(frozen=True)
class Case:
    """A table and a job that scores it.

    Attributes:
        columns: of the contract.
        sent: the types in which their values come.
        said: what the job says below [contract].
        rows: the entity and the values.
        size: rows of a batch.
    """

    columns: tuple[Column, ...]
    sent: list[pa.DataType]
    said: Said
    rows: list[Row]
    size: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as the database sends them."""
        names = ["entity_id", *(column.name for column in self.columns)]
        for start in range(0, len(self.rows), self.size):
            cells = zip(*self.rows[start : start + self.size], strict=True)
            yield pa.RecordBatch.from_arrays(
                [_array(values, kind) for values, kind in zip(cells, [pa.string(), *self.sent], strict=True)],
                names,
            )


def _array(values: Row, kind: pa.DataType) -> pa.Array:
    if kind is NUMERIC:
        return pa.ExtensionArray.from_storage(NUMERIC, pa.array(values, pa.string()))
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _column(draw: st.DrawFn, name: str, sent: Sent) -> Column:
    number, text = sent.kind in ("integer", "number"), sent.kind == "text"
    time, ranged = sent.kind in ("timestamp", "instant"), draw(st.booleans())
    closed = text and (sent.dtype == "category" or draw(st.booleans()))
    return Column(
        name,
        sent.kind,
        sent.dtype,
        nullable=draw(st.booleans()),
        categories=("shop", "web") if closed else None,
        minimum=-5 if number and ranged else None,
        maximum=5 if number and ranged else None,
        accepts_unknown=draw(st.booleans()),
        accepts_missing=draw(st.booleans()),
        longest=1 if text and not closed else None,
        earliest="1970-01-01T00:00:00" + ("+00:00" if sent.kind == "instant" else "")
        if time and ranged
        else None,
        planned=time and draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random columns, rows and job files."""
    sent = draw(st.lists(st.sampled_from(SENT), min_size=1, max_size=4))
    columns = tuple(_column(draw, f"c{number}", one) for number, one in enumerate(sent))
    own = {
        column.name: draw(st.dictionaries(st.sampled_from(column.rules), ACTIONS, max_size=3))
        for column in columns
        if draw(st.booleans())
    }
    overrides = {**draw(st.dictionaries(st.sampled_from(RULES), ACTIONS, max_size=4)), "columns": own}
    row = st.tuples(st.none() | st.text("ab\0", max_size=2), *(st.none() | one.cells for one in sent))
    rows = draw(st.lists(row, max_size=12))
    return Case(columns, [one.arrow for one in sent], overrides, rows, draw(st.integers(1, 5)))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_it_says_what_a_slow_checker_says(case: Case) -> None:
    section = ContractSection.model_validate(case.said)
    if slow_checker.impossible(case.columns, case.said):
        with pytest.raises(JobError, match="night.toml: key 'contract.columns.c"):
            Policy.resolve(Contract(case.columns), section, "night.toml")
        return
    checker = Checker(Contract(case.columns), Policy.resolve(Contract(case.columns), section), NIGHT_END)
    result, rejected = Found(counts=checker.counts), 0
    for batch in case.batches():
        checked = checker.check(batch)
        rejected += checked.rejected_rows
        taken = zip(*(_plain(column) for column in checked.accepted.columns), strict=True)
        result.accepted += map(list, taken)
        names = ("row_number", "column_name", "rule", "value")
        result.rejected += [tuple(row[name] for name in names) for row in checked.rejected.to_pylist()]
    expected = slow_checker.check(case.columns, case.said, case.rows, {"timestamp": END, "instant": END})
    places = [reason[:3] for reason in expected.rejected]
    assert sorted(reason[:3] for reason in result.rejected) == sorted(places)
    assert rejected == len({number for number, *_ in places})
    # Its repr tells -0.0 from 0.0, and 1 from 1.0.
    assert repr(result.accepted) == repr(expected.accepted)
    assert {name: +counts for name, counts in result.counts.items()} == expected.counts
    texts = {reason[:3]: reason[3] for reason in expected.rejected}
    for reason in result.rejected:
        assert reason[3] == _said(texts[reason[:3]], reason[3])


def _plain(column: pa.Array) -> list[Any]:
    times = pa.types.is_timestamp(column.type)
    values: list[Any] = (pc.cast(column, pa.int64()) if times else column).to_pylist()
    return values


def _said(value: Any, found: str | None) -> str | None:
    """How a rejected value is to be kept; how floats, decimals and times are written is Arrow's affair."""
    if isinstance(value, str):
        return value[:MAX_VALUE_LENGTH].replace("\0", "\\x00")[:MAX_VALUE_LENGTH]
    return None if value is None else found if isinstance(value, float | Decimal | int) else str(value)
