"""Rows are held against the contract: the right ones pass exactly as they are, the others with every reason."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.check import MAX_VALUE_LENGTH, Checked, Checker, Counts, Policy
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
INSTANT = Column("at", "instant", "datetime64[us, UTC]", nullable=False)
FAR = datetime(9999, 12, 31)  # noqa: DTZ001
SINGLE = Column("amount", "number", "float32", nullable=False)
TINY = Column("count", "integer", "int8", nullable=False)


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
        (AMOUNT, Policy(), numeric("-Infinity"), "finite"),
        (AMOUNT, Policy(), numeric("1" + "0" * 400), "finite"),
        (SINGLE, Policy(), pa.array([1e300]), "finite"),
        (SINGLE, Policy(), pa.array([2**24 + 1]), "type"),
        (TINY, Policy(), pa.array([300]), "type"),
        (BIG, Policy(), numeric("NaN"), "type"),
        (COUNT, Policy(), pa.array([None], pa.int64()), "null"),
        (COUNT, Policy(out_of_range="reject"), pa.array([11]), "out_of_range"),
        (COUNT, Policy(out_of_range="reject"), numeric("-1.00"), "out_of_range"),
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
        (COUNT, numeric("-0.00"), 0),
        (BIG, numeric(None), None),
        (AMOUNT, numeric("0.1"), 0.1),
        (AMOUNT, numeric("0.10"), 0.1),
        (AMOUNT, numeric("100.000"), 100.0),
        (AMOUNT, pa.array([1.7976931348623157e308]), 1.7976931348623157e308),
        (AMOUNT, pa.array([0.1], pa.float32()), 0.10000000149011612),
        (AMOUNT, pa.array([7], pa.int16()), 7.0),
        (AMOUNT, pa.array([5e-324]), 5e-324),
        (AMOUNT, pa.array([250.0]), 250.0),
        (BIG, pa.array([2**53 + 1]), 2**53 + 1),
        (BIG, numeric("9007199254740993"), 2**53 + 1),
        (RANGED, pa.array([2**53 + 1]), 2**53 + 1),
        (FLOATING, pa.array([2**63 - 1]), 2**63 - 1),
        (EMPTY, pa.array([None], pa.string()), None),
        (CHANNEL, pa.array(["phone"]), "phone"),
        (CHANNEL, pa.array(["web"]).dictionary_encode(), "web"),
        (CHANNEL, pa.array(["web"], pa.large_string()), "web"),
        (CLOCK, pa.array([0], pa.timestamp("us")), pd.Timestamp(0)),
        (INSTANT, pa.array([0], pa.timestamp("us", "America/New_York")), datetime(1970, 1, 1, tzinfo=UTC)),
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


@pytest.mark.parametrize("values", [pa.array([-0.0]), numeric("-0.00")])
def test_minus_zero_keeps_its_sign(values: pa.Array) -> None:
    value = check([AMOUNT], amount=values).accepted.column("amount")[0].as_py()
    assert math.copysign(1, value) == -1


@pytest.mark.parametrize("entities", [pa.array(["a", None, "b"]), pa.array([1, None, 2])])
def test_a_row_that_nobody_can_name_is_rejected(entities: pa.Array) -> None:
    checked = check([COUNT], entity_id=entities, count=[1, 2, 3])
    assert reasons(checked) == [("entity_id", "null")]
    assert checked.rejected.column("row_number").to_pylist() == [1]
    assert (
        checked.accepted.column("entity_id").to_pylist()
        == pa.array(entities).drop_null().cast("string").to_pylist()
    )


def test_a_batch_without_rows_changes_nothing() -> None:
    checker = Checker(Contract((AMOUNT, CHANNEL)), Policy("reject", "reject"))
    empty = pa.schema({"entity_id": pa.string(), "amount": NUMERIC, "channel": pa.string()}).empty_table()
    checked = checker.check(
        pa.RecordBatch.from_arrays([c.combine_chunks() for c in empty.columns], empty.column_names)
    )
    assert (checked.accepted.num_rows, checked.rejected.num_rows, checked.rejected_rows) == (0, 0, 0)
    assert checked.accepted.schema == checker.contract.schema
    assert set(map(repr, checker.counts.values())) == {repr(Counts())}


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
SINCE = Column("since", "instant", "datetime64[us, UTC]", nullable=False)


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
        ({"count": pa.bool_()}, "column 'count' is bool, and the model was trained on integer"),
        ({"channel": NUMERIC}, "column 'channel' is numeric, and the model was trained on text"),
        (
            {"at": pa.timestamp("us", "UTC")},
            "column 'at' is timestamp.us, tz=UTC., and the model was trained on timestamp",
        ),
        ({"at": pa.date32()}, "column 'at' is date32.day., and the model was trained on timestamp"),
        (
            {"since": pa.timestamp("us")},
            "column 'since' is timestamp.us., and the model was trained on instant",
        ),
    ],
)
def test_a_query_of_other_columns_is_refused_before_a_row_is_read(
    change: dict[str, Any], complaint: str
) -> None:
    found = {name: kind for name, kind in {**FOUND, **change}.items() if kind is not None}
    contract = Contract(
        (AMOUNT, COUNT, CHANNEL, *(column for column in (STAMP, SINCE) if column.name in change))
    )
    with pytest.raises(ContractError, match=f"night.sql: .*{complaint}"):
        Checker(contract, Policy()).schema(pa.schema(found), "night.sql")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"entity_id": pa.int64()},
        {"amount": NUMERIC},
        {"amount": pa.int64()},
        {"amount": pa.float32()},
        {"count": NUMERIC},
        {"count": pa.int16()},
        {"channel": pa.dictionary(pa.int32(), pa.string())},
        {"at": pa.timestamp("ns"), "since": pa.timestamp("us", "Europe/Berlin")},
        {"nobody_asked_for_it": pa.list_(pa.int8())},
    ],
)
def test_a_query_of_types_that_convert_exactly_is_taken(change: dict[str, Any]) -> None:
    stamps = {"at": pa.timestamp("us"), "since": pa.timestamp("us", "UTC")}
    contract = Contract((AMOUNT, COUNT, CHANNEL, STAMP, SINCE))
    Checker(contract, Policy()).schema(pa.schema({**FOUND, **stamps, **change}), "night.sql")


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


@dataclass(frozen=True)
class Sent:
    """How a database may send a column: the Arrow type, and cells of it."""

    kind: Kind
    dtype: str
    arrow: pa.DataType
    cells: st.SearchStrategy[Any]


FLOATS = st.floats(-200, 200) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324])
INTEGERS = st.integers(-20, 20) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
DECIMALS = st.decimals(-20, 20, places=2).map(str) | st.sampled_from(
    ["12", "12.00", "9007199254740993", "0.1"]
)
TEXTS = st.sampled_from(["shop", "web", "phone", "", "🛩", "שלום"])
SENT = [
    Sent("integer", "Int64", pa.int64(), INTEGERS),
    Sent("integer", "Int64", NUMERIC, DECIMALS),
    Sent("integer", "int8", pa.int64(), INTEGERS | st.integers(100, 200)),
    Sent("number", "float64", pa.float64(), FLOATS),
    Sent("number", "float64", pa.int64(), INTEGERS),
    Sent("number", "float64", NUMERIC, DECIMALS | st.just("NaN")),
    Sent("text", "str", pa.string(), TEXTS),
    Sent("boolean", "boolean", pa.bool_(), st.booleans()),
]
POLICIES = st.builds(Policy, st.sampled_from(["warn", "reject"]), st.sampled_from(["warn", "reject"]))


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Column, ...], list[pa.DataType], list[tuple[Any, ...]]]:
    """Random columns, the types in which they are sent, and random rows; the first column is the entity."""
    sent = draw(st.lists(st.sampled_from(SENT), min_size=1, max_size=4))
    columns = []
    for number, one in enumerate(sent):
        ranged = one.kind in ("integer", "number") and draw(st.booleans())
        columns.append(
            Column(
                f"c{number}",
                one.kind,
                one.dtype,
                nullable=draw(st.booleans()),
                categories=("shop", "web") if one.kind == "text" and draw(st.booleans()) else None,
                minimum=-5 if ranged else None,
                maximum=5 if ranged else None,
                accepts_unknown=draw(st.booleans()),
            )
        )
    row = st.tuples(st.none() | st.text("abc", max_size=2), *(st.none() | one.cells for one in sent))
    return tuple(columns), [one.arrow for one in sent], draw(st.lists(row, max_size=12))


def read(value: Any, column: Column) -> tuple[Any, bool]:
    """One value as the model takes it, and whether it has an exact form."""
    if isinstance(value, str) and column.kind != "text":
        value = Decimal(value)
    if value is None or value != value:  # NaN
        return None, True
    if column.kind == "integer":
        low, high = (-(2**7), 2**7 - 1) if column.dtype == "int8" else (-(2**63), 2**63 - 1)
        return (int(value), True) if value == int(value) and low <= value <= high else (None, False)
    if column.kind == "number":
        return (float(value), True) if not isinstance(value, int) or abs(value) <= 2**53 else (None, False)
    return value, True


def seen(value: Any, column: Column) -> set[str]:
    """What is to be said of one value: slow, and obviously right."""
    taken, exact = read(value, column)
    if not exact:
        return {"type"}
    if taken is None:
        return {"null"}
    found = set()
    if isinstance(taken, float) and math.isinf(taken):
        found.add("finite")
    if column.categories is not None and taken not in column.categories:
        found.add("unknown_category")
    low, high = column.minimum, column.maximum
    if low is not None and high is not None and not low <= taken <= high:
        found.add("out_of_range")
    return found


def broken(value: Any, column: Column, policy: Policy) -> set[str]:
    """The rules for which one value rejects its row."""
    harmless = set()
    if column.nullable:
        harmless.add("null")
    if policy.unknown_category == "warn" and column.accepts_unknown:
        harmless.add("unknown_category")
    if policy.out_of_range == "warn":
        harmless.add("out_of_range")
    return seen(value, column) - harmless


def batches(
    columns: tuple[Column, ...], sent: list[pa.DataType], rows: list[tuple[Any, ...]], size: int
) -> Any:
    """The rows as the database sends them, so many at a time."""
    names, types = ["entity_id", *(column.name for column in columns)], [pa.string(), *sent]
    for start in range(0, len(rows), size):
        cells = zip(*rows[start : start + size], strict=True)
        yield pa.RecordBatch.from_arrays(
            [
                numeric(*values) if kind is NUMERIC else pa.array(values, kind)
                for values, kind in zip(cells, types, strict=True)
            ],
            names,
        )


@settings(max_examples=250)
@given(tables(), POLICIES, st.integers(1, 5))
def test_it_says_what_a_slow_checker_says(
    table: tuple[tuple[Column, ...], list[pa.DataType], list[tuple[Any, ...]]], policy: Policy, size: int
) -> None:
    columns, sent, rows = table
    expected, counts = [], {column.name: Counts() for column in columns}
    for number, (entity, *values) in enumerate(rows):
        if entity is None:
            expected.append((number, "entity_id", "null"))
        for value, column in zip(values, columns, strict=True):
            expected += [(number, column.name, rule) for rule in broken(value, column, policy)]
            for rule in seen(value, column) & set(vars(counts[column.name])):
                setattr(counts[column.name], rule, getattr(counts[column.name], rule) + 1)
    bad = {number for number, _, _ in expected}
    good = [
        [entity, *(read(value, column)[0] for value, column in zip(values, columns, strict=True))]
        for number, (entity, *values) in enumerate(rows)
        if number not in bad
    ]
    checker, told, accepted, rejected = Checker(Contract(columns), policy), [], [], 0
    for batch in batches(columns, sent, rows, size):
        checked = checker.check(batch)
        told += [(row["row_number"], row["column_name"], row["rule"]) for row in checked.rejected.to_pylist()]
        accepted += [list(row.values()) for row in checked.accepted.to_pylist()]
        rejected += checked.rejected_rows
    assert sorted(told) == sorted(expected)
    assert rejected == len(bad)
    assert repr(accepted) == repr(good)  # repr tells -0.0 from 0.0, and 1 from 1.0
    assert checker.counts == counts


def test_a_frame_of_checked_rows_has_the_trained_dtypes() -> None:
    checked = check(
        [AMOUNT, COUNT, BIG, CHANNEL], amount=[1], count=numeric("2"), big=[None], channel=["web"]
    )
    frame = Contract((AMOUNT, COUNT, BIG, CHANNEL)).frame(checked.accepted)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "int64", "Int64", "str"]
    pd.testing.assert_series_equal(frame["count"], pd.Series([2], name="count", dtype=np.int64))
