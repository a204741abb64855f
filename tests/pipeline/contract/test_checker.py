"""Rows are held against the contract: the right ones pass exactly as they are, the others with every reason."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.config.contract_section import ContractSection
from pipeline.contract.batch_result import MAX_VALUE_LENGTH, BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract, ContractError
from pipeline.contract.policy import Policy

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


def checker(columns: list[Column], said: dict[str, Any] | None = None, **options: Any) -> Checker:
    """Holds batches against columns, as a job says it below [contract]."""
    contract = Contract(tuple(columns))
    return Checker(contract, Policy.resolve(contract, ContractSection.model_validate(said or {})), **options)


def check(columns: list[Column], said: dict[str, Any] | None = None, **values: Any) -> BatchResult:
    """Hold one batch of values against columns."""
    size = len(next(iter(values.values())))
    values.setdefault("entity_id", [f"e{number}" for number in range(size)])
    return checker(columns, said).check(pa.record_batch(values))


def reasons(checked: BatchResult) -> list[tuple[str, str]]:
    """Which column broke which rule."""
    return [(row["column_name"], row["rule"]) for row in checked.rejected.to_pylist()]


@pytest.mark.parametrize(
    ("column", "said", "values", "rule"),
    [
        (AMOUNT, {}, pa.array([None], pa.float64()), "null"),
        (AMOUNT, {}, pa.array([math.nan]), "null"),
        (AMOUNT, {}, pa.array([math.inf]), "finite"),
        (AMOUNT, {}, pa.array([-math.inf]), "finite"),
        (AMOUNT, {}, pa.array([2**53 + 1]), "type"),
        (AMOUNT, {}, numeric("NaN"), "null"),
        (AMOUNT, {}, numeric("-Infinity"), "finite"),
        (AMOUNT, {}, numeric("1" + "0" * 400), "finite"),
        (SINGLE, {}, pa.array([1e300]), "finite"),
        (SINGLE, {}, pa.array([2**24 + 1]), "type"),
        (TINY, {}, pa.array([300]), "type"),
        (BIG, {}, numeric("NaN"), "type"),
        (COUNT, {}, pa.array([None], pa.int64()), "null"),
        (COUNT, {"out_of_range": "reject"}, pa.array([11]), "out_of_range"),
        (COUNT, {"out_of_range": "reject"}, numeric("-1.00"), "out_of_range"),
        (AMOUNT, {"out_of_range": "reject"}, pa.array([100.5]), "out_of_range"),
        (COUNT, {}, numeric("12.5"), "type"),
        (COUNT, {}, numeric("99999999999999999999"), "type"),
        (CHANNEL, {"unknown_category": "reject"}, pa.array(["phone"]), "unknown_category"),
        (PICKY, {}, pa.array(["phone"]), "unknown_category"),
        (EMPTY, {"unknown_category": "reject"}, pa.array(["phone"]), "unknown_category"),
        (RANGED, {"out_of_range": "reject"}, pa.array([2**53 + 2]), "out_of_range"),
        (FLOATING, {"out_of_range": "reject"}, pa.array([2**60 + 1]), "out_of_range"),
        (CLOCK, {}, pa.array([FAR], pa.timestamp("us")), "type"),
    ],
)
def test_a_value_that_may_not_be_scored_rejects_its_row(
    column: Column, said: dict[str, Any], values: pa.Array, rule: str
) -> None:
    checked = check([column], said, **{column.name: values})
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
        # As its text says, by which drivers for Python read it in training.
        (AMOUNT, pa.array([0.1], pa.float32()), 0.1),
        (AMOUNT, pa.array([16777216.0], pa.float32()), 16777216.0),
        (AMOUNT, pa.array([1e-45], pa.float32()), 1e-45),
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
    checks = checker([AMOUNT, CHANNEL], {"unknown_category": "reject", "out_of_range": "reject"})
    empty = pa.schema({"entity_id": pa.string(), "amount": NUMERIC, "channel": pa.string()}).empty_table()
    checked = checks.check(
        pa.RecordBatch.from_arrays([c.combine_chunks() for c in empty.columns], empty.column_names)
    )
    assert (checked.accepted.num_rows, checked.rejected.num_rows, checked.rejected_rows) == (0, 0, 0)
    assert checked.accepted.schema == checks.contract.schema
    assert not any(count for counts in checks.counts.values() for count in counts.values())


def test_all_the_reasons_of_a_row_are_told() -> None:
    checked = check(
        [AMOUNT, COUNT, CHANNEL],
        {"unknown_category": "reject", "out_of_range": "reject"},
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
    checks = checker([AMOUNT, CHANNEL])
    for amount, channel in ((101.0, "phone"), (5.0, None), (-1.0, "web")):
        batch = pa.record_batch(
            {"entity_id": ["e"], "amount": [amount], "channel": pa.array([channel], pa.string())}
        )
        assert checks.check(batch).rejected_rows == 0
    assert checks.counts == {
        "amount": {"type": 0, "null": 0, "finite": 0, "out_of_range": 2},
        "channel": {"type": 0, "null": 1, "unknown_category": 1},
    }


def test_what_is_ignored_is_scored_and_not_counted() -> None:
    said = {"null": "ignore", "columns": {"channel": {"unknown_category": "ignore"}}}
    checks = checker([AMOUNT, CHANNEL], said)
    batch = pa.record_batch({"entity_id": ["a", "b"], "amount": [1.0, 101.0], "channel": [None, "phone"]})
    assert checks.check(batch).rejected_rows == 0
    # The model takes no null for an amount, so nulls are still rejected there, and counted.
    assert checks.counts == {
        "amount": {"type": 0, "null": 0, "finite": 0, "out_of_range": 1},
        "channel": {"type": 0},
    }


OPEN = Column("amount", "number", "float64", nullable=True, minimum=0.0, maximum=100.0)


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        (OPEN, pa.array([math.inf]), "finite"),
        (OPEN, numeric("-Infinity"), "finite"),
        (OPEN, numeric("no number"), "type"),
        (OPEN, pa.array([2**53 + 1]), "type"),
        (BIG, numeric("12.5"), "type"),
        (
            Column("at", "timestamp", "datetime64[ns]", nullable=True),
            pa.array([FAR], pa.timestamp("us")),
            "type",
        ),
        (replace(AMOUNT, accepts_missing=True), pa.array([math.inf]), "finite"),
    ],
)
@pytest.mark.parametrize("action", ["warn", "ignore"])
def test_a_value_that_cannot_be_is_taken_as_missing_where_the_job_says_so(
    column: Column, values: pa.Array, rule: str, action: str
) -> None:
    checks = checker([column], {"columns": {column.name: {rule: action, "null": "warn"}}})
    checked = checks.check(pa.record_batch({"entity_id": ["e"], column.name: values}))
    assert checked.accepted.column(column.name).to_pylist() == [None]
    assert +checks.counts[column.name] == ({rule: 1} if action == "warn" else {})


def test_what_a_job_says_of_all_columns_gives_way_to_what_a_model_cannot_take() -> None:
    said = {"type": "warn", "null": "ignore", "finite": "warn", "unknown_category": "ignore"}
    checked = check(
        [AMOUNT, PICKY],
        said,
        entity_id=["a", "b", "c"],
        amount=[math.inf, None, 1.0],
        channel=["web", "web", "phone"],
    )
    assert reasons(checked) == [("amount", "null"), ("amount", "finite"), ("channel", "unknown_category")]


def test_a_null_that_training_knew_is_rejected_where_the_job_says_so() -> None:
    checked = check(
        [OPEN, CHANNEL], {"columns": {"channel": {"null": "reject"}}}, amount=[None], channel=[None]
    )
    assert reasons(checked) == [("channel", "null")]


NOTE = Column("note", "text", "str", nullable=True, longest=3)


@pytest.mark.parametrize(("text", "broken"), [("x" * 30, 0), ("x" * 31, 1), ("é" * 30, 0), ("🛩" * 31, 1)])
def test_a_text_is_too_long_in_characters_and_not_in_bytes(text: str, broken: int) -> None:
    checks = checker([NOTE], {"too_long": "reject"})
    checked = checks.check(pa.record_batch({"entity_id": ["a", "b", "c"], "note": ["x", None, text]}))
    assert (checked.rejected_rows, checks.counts["note"]["too_long"]) == (broken, broken)


# The night of 1 March in New York ends at 05:00 UTC; clocks of that zone say midnight.
NIGHT_END = datetime(2024, 3, 2, tzinfo=timezone(timedelta(hours=-5)))


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        ("timestamp", "2024-03-02 05:00:00", None),
        ("timestamp", "2024-03-02 05:00:00.000001", "future"),
        ("timestamp", "2024-03-02 04:00:00", None),
        ("instant", "2024-03-02 05:00:00", None),
        ("instant", "2024-03-02 05:00:00.000001", "future"),
        ("instant", "2020-01-01 00:00:00", None),
        ("instant", "2019-12-31 23:59:59.999999", "out_of_range"),
        ("timestamp", "1970-01-01 00:00:00", "out_of_range"),
    ],
)
def test_a_time_of_the_future_or_before_all_training_is_rejected(
    kind: Any, said: str, rule: str | None, unit: str
) -> None:
    zone = ", UTC" if kind == "instant" else ""
    earliest = "2020-01-01T00:00:00" + ("+00:00" if zone else "")
    column = Column("at", kind, f"datetime64[{unit}{zone}]", nullable=False, earliest=earliest)
    sent = pa.array([said]).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC" if zone else None))
    checks = checker([column], {"out_of_range": "reject"}, day_end=NIGHT_END)
    checked = checks.check(pa.record_batch({"entity_id": ["e"], "at": sent}))
    assert reasons(checked) == ([("at", rule)] if rule else [])


def test_a_planned_time_may_lie_in_the_future() -> None:
    column = Column("at", "instant", "datetime64[us, UTC]", nullable=False, planned=True)
    sent = pa.array([datetime(2030, 1, 1, tzinfo=UTC)])
    checks = checker([column], day_end=NIGHT_END)
    assert checks.check(pa.record_batch({"entity_id": ["e"], "at": sent})).rejected_rows == 0


def text_of(*cells: bytes | None) -> pa.Array:
    """Texts as a database without rules hands them out."""
    return pa.Array.from_buffers(pa.string(), len(cells), pa.array(cells, pa.binary()).buffers())


@pytest.mark.parametrize(
    ("cell", "said"), [(b"a\0b", "a\\x00b"), (b"caf\xe9", "caf\\xe9"), (b"\xed\xa0\x80", "\\xed\\xa0\\x80")]
)
def test_an_entity_that_no_text_of_postgres_can_hold_is_rejected(cell: bytes, said: str) -> None:
    checked = check([COUNT], entity_id=text_of(b"good", cell, None), count=[1, 2, 3])
    assert reasons(checked) == [("entity_id", "null"), ("entity_id", "type")]
    assert checked.rejected.column("entity_id").to_pylist() == [None, said]
    assert checked.accepted.column("entity_id").to_pylist() == ["good"]


def test_a_text_that_is_no_utf8_has_no_form_and_a_nul_is_exact() -> None:
    checked = check([CHANNEL], channel=text_of(b"web", b"\xff\xfe", b"a\0b", None))
    assert reasons(checked) == [("channel", "type")]
    assert checked.rejected.column("value").to_pylist() == ["\\xff\\xfe"]
    assert checked.accepted.column("channel").to_pylist() == ["web", "a\0b", None]


def test_a_rejected_value_with_a_nul_can_be_kept() -> None:
    checked = check([PICKY], channel=["a\0" + "b" * 300])
    assert checked.rejected.column("value").to_pylist() == ["a\\x00" + "b" * (MAX_VALUE_LENGTH - 5)]


def test_values_are_not_kept_where_the_job_says_so() -> None:
    checked = check([AMOUNT, PICKY], {"keep_values": False}, amount=[math.inf], channel=["phone"])
    assert checked.rejected.column("value").to_pylist() == [None, None]
    assert checked.rejected.column("entity_id").to_pylist() == ["e0", "e0"]


def test_every_row_of_a_doubled_entity_is_rejected() -> None:
    checks = checker([COUNT], duplicates=pa.array(["twice", "7"]))
    first = checks.check(pa.record_batch({"entity_id": ["once", "twice", None], "count": [1, 2, 3]}))
    second = checks.check(pa.record_batch({"entity_id": [7, 8], "count": [1, None]}))
    assert reasons(first) == [("entity_id", "null"), ("entity_id", "unique")]
    assert [row["entity_id"] for row in second.rejected.to_pylist()] == ["7", "8"]


def test_rows_of_several_shards_have_numbers_of_their_own() -> None:
    numbers = []
    for shard in range(3):
        checks = checker([COUNT], shard=shard, shards=3)
        for _ in range(2):
            batch = pa.record_batch({"entity_id": ["e", "f"], "count": pa.nulls(2, pa.int64())})
            numbers += checks.check(batch).rejected.column("row_number").to_pylist()
    assert numbers[:4] == [0, 3, 6, 9]
    assert sorted(numbers) == list(range(12))


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (AMOUNT, ["1.25", "2"], ["1.2.3", "0x1F", "", " 1"]),
        (COUNT, ["1", "2.00"], ["0x1F", "1e3", "7" * 30, "1.5", ""]),
        (BIG, ["-9223372036854775808"], ["9223372036854775808", "-", "--1"]),
    ],
)
def test_a_text_that_is_no_number_is_none_whatever_stands_beside_it(
    column: Column, good: list[str], bad: list[str]
) -> None:
    for cell in bad:
        alone = check([column], **{column.name: numeric(cell)})
        beside = check([column], **{column.name: numeric(*good, cell, *good)})
        assert reasons(alone) == reasons(beside) == [(column.name, "type")]
        assert len(beside.accepted) == 2 * len(good)


def test_rows_are_numbered_through_the_batches() -> None:
    checks = checker([COUNT])
    numbers = []
    for values in ([1, None, 2], [None], [3, None]):
        batch = pa.record_batch({"entity_id": ["e"] * len(values), "count": pa.array(values, pa.int64())})
        numbers += checks.check(batch).rejected.column("row_number").to_pylist()
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
        Checker(contract).schema(pa.schema(found), "night.sql")


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
    Checker(contract).schema(pa.schema({**FOUND, **stamps, **change}), "night.sql")


def test_a_column_that_comes_twice_is_refused() -> None:
    found = pa.schema([*FOUND.items(), ("amount", pa.float64())])
    with pytest.raises(ContractError, match="column 'amount' comes 2 times"):
        Checker(Contract((AMOUNT,))).schema(found, "night.sql")


def test_an_entity_id_that_comes_twice_is_refused() -> None:
    found = pa.schema([*FOUND.items(), ("entity_id", pa.string())])
    with pytest.raises(ContractError, match="column 'entity_id' comes 2 times; name what gets a score once"):
        Checker(Contract((AMOUNT,))).schema(found, "night.sql")


def test_one_poisoned_row_leaves_the_others_exact() -> None:
    amounts = numeric("0.1", "no number", "12.00", None)
    checked = check([Column("amount", "number", "float64", nullable=True)], amount=amounts)
    assert reasons(checked) == [("amount", "type")]
    assert checked.rejected.to_pylist()[0]["value"] == "no number"
    assert checked.accepted.column("amount").to_pylist() == [0.1, 12.0, None]


def test_every_problem_of_a_query_is_told_at_once() -> None:
    with pytest.raises(ContractError, match="'amount'.*; .*'count'.*; .*'channel'"):
        Checker(Contract((AMOUNT, COUNT, CHANNEL))).schema(pa.schema({"entity_id": pa.string()}), "night.sql")


def test_a_frame_of_checked_rows_has_the_trained_dtypes() -> None:
    checked = check(
        [AMOUNT, COUNT, BIG, CHANNEL], amount=[1], count=numeric("2"), big=[None], channel=["web"]
    )
    frame = Contract((AMOUNT, COUNT, BIG, CHANNEL)).frame(checked.accepted)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "int64", "Int64", "str"]
    pd.testing.assert_series_equal(frame["count"], pd.Series([2], name="count", dtype=np.int64))
