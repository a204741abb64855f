"""Rows are held against the contract: the right ones pass exactly as they are, the others with every reason."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.check import MAX_VALUE_LENGTH, Checked, Checker, Policy
from pipeline.contract import Column, Contract, ContractError, Kind

NUMERIC = pa.opaque(pa.string(), "numeric", "PostgreSQL")

AMOUNT = Column("amount", "number", "float64", nullable=False, minimum=0.0, maximum=100.0)
COUNT = Column("count", "integer", "int64", nullable=False, minimum=0, maximum=10)
CHANNEL = Column("channel", "text", "str", nullable=True, categories=("shop", "web"))
PICKY = Column("channel", "text", "str", nullable=True, categories=("shop", "web"), accepts_unknown=False)
BIG = Column("big", "integer", "Int64", nullable=True)
RANGED = Column("big", "integer", "Int64", nullable=True, minimum=0, maximum=2**53 + 1)
FLOATING = Column("big", "integer", "Int64", nullable=True, minimum=0.0, maximum=2.0**60)
EMPTY = Column("channel", "text", "str", nullable=True, categories=())
CLOCK = Column("at", "timestamp", "datetime64[ns]", nullable=False)
FAR = datetime(9999, 12, 31)  # noqa: DTZ001


def numeric(*values: str | None) -> pa.Array:
    """Decimals as the Postgres driver sends them: text that says it is numeric."""
    return pa.ExtensionArray.from_storage(NUMERIC, pa.array(values, pa.string()))


def check(columns: list[Column], policy: Policy | None = None, **values: Any) -> Checked:
    """Hold one batch of values against columns."""
    size = len(next(iter(values.values())))
    values.setdefault("entity_id", [f"e{number}" for number in range(size)])
    return Checker(Contract(tuple(columns)), policy or Policy()).check(pa.record_batch(values))


def reasons(checked: Checked) -> list[tuple[str, str]]:
    """Which column broke which rule."""
    return [(row["column_name"], row["rule"]) for row in checked.rejected.to_pylist()]


@pytest.mark.parametrize(
    ("column", "policy", "values", "rule"),
    [
        (AMOUNT, Policy(), pa.array([None], pa.float64()), "null"),
        (AMOUNT, Policy(), pa.array([math.nan]), "null"),
        (AMOUNT, Policy(), pa.array([math.inf]), "finite"),
        (AMOUNT, Policy(), pa.array([-math.inf]), "finite"),
        (AMOUNT, Policy(), pa.array([2**53 + 1]), "type"),
        (AMOUNT, Policy(), numeric("NaN"), "null"),
        (AMOUNT, Policy(out_of_range="reject"), pa.array([100.5]), "out_of_range"),
        (COUNT, Policy(), numeric("12.5"), "type"),
        (COUNT, Policy(), numeric("99999999999999999999"), "type"),
        (CHANNEL, Policy(unknown_category="reject"), pa.array(["phone"]), "unknown_category"),
        (PICKY, Policy(), pa.array(["phone"]), "unknown_category"),
        (EMPTY, Policy(unknown_category="reject"), pa.array(["phone"]), "unknown_category"),
        (RANGED, Policy(out_of_range="reject"), pa.array([2**53 + 2]), "out_of_range"),
        (FLOATING, Policy(out_of_range="reject"), pa.array([2**60 + 1]), "out_of_range"),
        (CLOCK, Policy(), pa.array([FAR], pa.timestamp("us")), "type"),
    ],
)
def test_a_value_that_may_not_be_scored_rejects_its_row(
    column: Column, policy: Policy, values: pa.Array, rule: str
) -> None:
    checked = check([column], policy, **{column.name: values})
    assert (checked.accepted.num_rows, checked.rejected_rows) == (0, 1)
    assert reasons(checked) == [(column.name, rule)]


@pytest.mark.parametrize(
    ("column", "values", "exact"),
    [
        (COUNT, numeric("10.00"), 10),
        (COUNT, numeric("0"), 0),
        (AMOUNT, numeric("0.1"), 0.1),
        (AMOUNT, pa.array([7], pa.int16()), 7.0),
        (AMOUNT, pa.array([5e-324]), 5e-324),
        (AMOUNT, pa.array([250.0]), 250.0),
        (BIG, pa.array([2**53 + 1]), 2**53 + 1),
        (BIG, numeric("9007199254740993"), 2**53 + 1),
        (RANGED, pa.array([2**53 + 1]), 2**53 + 1),
        (FLOATING, pa.array([2**63 - 1]), 2**63 - 1),
        (EMPTY, pa.array([None], pa.string()), None),
        (CHANNEL, pa.array(["phone"]), "phone"),
        (CHANNEL, pa.array([""]), ""),
        (CHANNEL, pa.array(["שלום 🛩 e\u0301"]), "שלום 🛩 e\u0301"),
        (CHANNEL, pa.array([None], pa.string()), None),
    ],
)
def test_a_value_that_may_be_scored_stays_exactly_what_it_is(
    column: Column, values: pa.Array, exact: object
) -> None:
    checked = check([column], **{column.name: values})
    assert checked.rejected_rows == 0
    assert checked.accepted.column(column.name).to_pylist() == [exact]


def test_minus_zero_keeps_its_sign() -> None:
    value = check([AMOUNT], amount=pa.array([-0.0])).accepted.column("amount")[0].as_py()
    assert math.copysign(1, value) == -1


def test_all_the_reasons_of_a_row_are_told() -> None:
    checked = check(
        [AMOUNT, COUNT, CHANNEL],
        Policy("reject", "reject"),
        entity_id=pa.array([None], pa.string()),
        amount=pa.array([math.inf]),
        count=pa.array([11]),
        channel=["phone"],
    )
    expected = {
        ("entity_id", "null"),
        ("amount", "finite"),
        ("amount", "out_of_range"),
        ("count", "out_of_range"),
        ("channel", "unknown_category"),
    }
    assert set(reasons(checked)) == expected
    assert checked.rejected_rows == 1


def test_what_is_only_warned_of_is_counted() -> None:
    checker = Checker(Contract((AMOUNT, CHANNEL)), Policy())
    for amount, channel in ((101.0, "phone"), (5.0, None), (-1.0, "web")):
        batch = pa.record_batch(
            {"entity_id": ["e"], "amount": [amount], "channel": pa.array([channel], pa.string())}
        )
        assert checker.check(batch).rejected_rows == 0
    assert (checker.counts["amount"].out_of_range, checker.counts["channel"].unknown_category) == (2, 1)
    assert checker.counts["channel"].null == 1


def test_rows_are_numbered_through_the_batches() -> None:
    checker = Checker(Contract((COUNT,)), Policy())
    numbers = []
    for values in ([1, None, 2], [None], [3, None]):
        batch = pa.record_batch({"entity_id": ["e"] * len(values), "count": pa.array(values, pa.int64())})
        numbers += checker.check(batch).rejected.column("row_number").to_pylist()
    assert numbers == [1, 3, 5]


def test_a_rejected_value_is_cut_to_what_a_person_reads() -> None:
    checked = check([PICKY], channel=["x" * 10_000_000])
    assert checked.rejected.column("value")[0].as_py() == "x" * MAX_VALUE_LENGTH


def test_the_order_of_columns_and_further_ones_change_nothing() -> None:
    values: dict[str, Any] = {"amount": [1.0, 2.0], "count": [1, 2], "channel": ["web", None]}
    contract = [AMOUNT, COUNT, CHANNEL]
    plain = check(contract, **values)
    turned = check(contract, extra=[[1], [2]], **dict(reversed(values.items())))
    assert plain.accepted.equals(turned.accepted)
    assert plain.accepted.schema.names == ["entity_id", "amount", "count", "channel"]


FOUND = {"entity_id": pa.string(), "amount": pa.float64(), "count": pa.int32(), "channel": pa.string()}
STAMP = Column("at", "timestamp", "datetime64[us]", nullable=False)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"amount": None, "amnt": pa.float64()},
            "'amount', which the model takes, is missing .the query has 'amnt': rename it",
        ),
        ({"entity_id": None}, "column 'entity_id' is missing.*name what gets a score AS entity_id"),
        ({"entity_id": pa.float64()}, "column 'entity_id' is double; make it text"),
        (
            {"count": pa.string()},
            "column 'count' is string, and the model was trained on integer; convert it in the query",
        ),
        ({"count": pa.float64()}, "column 'count' is double, and the model was trained on integer"),
        ({"amount": pa.bool_()}, "column 'amount' is bool, and the model was trained on number"),
        (
            {"channel": pa.list_(pa.string())},
            "column 'channel' is list<item: string>, and the model was trained on text",
        ),
        ({"channel": pa.int64()}, "column 'channel' is int64, and the model was trained on text"),
        (
            {"at": pa.timestamp("us", "UTC")},
            "column 'at' is timestamp.us, tz=UTC., and the model was trained on timestamp",
        ),
    ],
)
def test_a_query_of_other_columns_is_refused_before_a_row_is_read(
    change: dict[str, Any], complaint: str
) -> None:
    found = {name: kind for name, kind in {**FOUND, **change}.items() if kind is not None}
    contract = Contract((AMOUNT, COUNT, CHANNEL, *([STAMP] if "at" in change else [])))
    with pytest.raises(ContractError, match=f"night.sql: .*{complaint}"):
        Checker(contract, Policy()).schema(pa.schema(found), "night.sql")


def test_a_column_that_comes_twice_is_refused() -> None:
    found = pa.schema([*FOUND.items(), ("amount", pa.float64())])
    with pytest.raises(ContractError, match="column 'amount' comes 2 times"):
        Checker(Contract((AMOUNT,)), Policy()).schema(found, "night.sql")


def test_an_entity_id_that_comes_twice_is_refused() -> None:
    found = pa.schema([*FOUND.items(), ("entity_id", pa.string())])
    with pytest.raises(ContractError, match="column 'entity_id' comes 2 times; name what gets a score once"):
        Checker(Contract((AMOUNT,)), Policy()).schema(found, "night.sql")


def test_one_poisoned_row_leaves_the_others_exact() -> None:
    amounts = numeric("0.1", "no number", "12.00", None)
    checked = check([Column("amount", "number", "float64", nullable=True)], amount=amounts)
    assert reasons(checked) == [("amount", "type")]
    assert checked.rejected.to_pylist()[0]["value"] == "no number"
    assert checked.accepted.column("amount").to_pylist() == [0.1, 12.0, None]


def test_every_problem_of_a_query_is_told_at_once() -> None:
    with pytest.raises(ContractError, match="'amount'.*; .*'count'.*; .*'channel'"):
        Checker(Contract((AMOUNT, COUNT, CHANNEL)), Policy()).schema(
            pa.schema({"entity_id": pa.string()}), "night.sql"
        )


POLICIES = st.builds(Policy, st.sampled_from(["warn", "reject"]), st.sampled_from(["warn", "reject"]))
CELLS: dict[Kind, st.SearchStrategy[Any]] = {
    "integer": st.none() | st.integers(-20, 20),
    "number": st.none() | st.floats(-200, 200) | st.sampled_from([math.nan, math.inf, -math.inf]),
    "text": st.none() | st.sampled_from(["shop", "web", "phone", "", "🛩"]),
    "boolean": st.none() | st.booleans(),
}
ARROW: dict[Kind, pa.DataType] = {
    "integer": pa.int64(), "number": pa.float64(), "text": pa.string(), "boolean": pa.bool_()
}  # fmt: skip
DTYPE: dict[Kind, str] = {"integer": "Int64", "number": "float64", "text": "str", "boolean": "boolean"}


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Column, ...], list[dict[str, Any]]]:
    """Random columns, and random rows for them."""
    columns = []
    for number in range(draw(st.integers(1, 4))):
        kind: Kind = draw(st.sampled_from(list(CELLS)))
        ranged = kind in ("integer", "number") and draw(st.booleans())
        columns.append(
            Column(
                f"c{number}",
                kind,
                DTYPE[kind],
                nullable=draw(st.booleans()),
                categories=("shop", "web") if kind == "text" and draw(st.booleans()) else None,
                minimum=-5 if ranged else None,
                maximum=5 if ranged else None,
                accepts_unknown=draw(st.booleans()),
            )
        )
    row = st.fixed_dictionaries(
        {"entity_id": st.none() | st.text("abc", max_size=2), **{c.name: CELLS[c.kind] for c in columns}}
    )
    return tuple(columns), draw(st.lists(row, max_size=12))


def broken(value: Any, column: Column, policy: Policy) -> set[str]:
    """The rules that one value breaks: slow, and obviously right."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return set() if column.nullable else {"null"}
    found = set()
    if isinstance(value, float) and math.isinf(value):
        found.add("finite")
    unknown = column.categories is not None and value not in column.categories
    if unknown and (policy.unknown_category == "reject" or not column.accepts_unknown):
        found.add("unknown_category")
    outside = (
        column.minimum is not None
        and column.maximum is not None
        and not column.minimum <= value <= column.maximum
    )
    if outside and policy.out_of_range == "reject":
        found.add("out_of_range")
    return found


@settings(max_examples=300, deadline=None)
@given(tables(), POLICIES, st.integers(1, 5))
def test_it_says_what_a_slow_checker_says(
    table: tuple[tuple[Column, ...], list[dict[str, Any]]], policy: Policy, batch_size: int
) -> None:
    columns, rows = table
    expected = set()
    for number, row in enumerate(rows):
        if row["entity_id"] is None:
            expected.add((number, "entity_id", "null"))
        for column in columns:
            expected |= {(number, column.name, rule) for rule in broken(row[column.name], column, policy)}
    checker = Checker(Contract(columns), policy)
    schema = pa.schema([("entity_id", pa.string()), *((c.name, ARROW[c.kind]) for c in columns)])
    told, accepted, rejected = set(), [], 0
    for start in range(0, len(rows), batch_size):
        checked = checker.check(pa.RecordBatch.from_pylist(rows[start : start + batch_size], schema=schema))
        told |= {(row["row_number"], row["column_name"], row["rule"]) for row in checked.rejected.to_pylist()}
        accepted += checked.accepted.column("entity_id").to_pylist()
        rejected += checked.rejected_rows
    bad = {number for number, _, _ in expected}
    assert told == expected
    assert rejected == len(bad)
    assert accepted == [row["entity_id"] for number, row in enumerate(rows) if number not in bad]


def test_a_frame_of_checked_rows_has_the_trained_dtypes() -> None:
    checked = check(
        [AMOUNT, COUNT, BIG, CHANNEL], amount=[1], count=numeric("2"), big=[None], channel=["web"]
    )
    frame = Contract((AMOUNT, COUNT, BIG, CHANNEL)).frame(checked.accepted)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "int64", "Int64", "str"]
    pd.testing.assert_series_equal(frame["count"], pd.Series([2], name="count", dtype=np.int64))
