"""Rows are held against the contract: the right ones pass exactly as they are, the others with every reason."""

import math
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from pipeline.contract.contract import Column
from tests.pipeline.contract.checking import (
    AMOUNT,
    BIG,
    CHANNEL,
    CLOCK,
    COUNT,
    EMPTY,
    FAR,
    FLOATING,
    NUMERIC,
    PICKY,
    RANGED,
    SINGLE,
    TINY,
    check,
    checker,
    numeric,
    reasons,
    text_of,
)


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
    overrides = {"null": "ignore", "columns": {"channel": {"unknown_category": "ignore"}}}
    checks = checker([AMOUNT, CHANNEL], overrides)
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
    overrides = {"type": "warn", "null": "ignore", "finite": "warn", "unknown_category": "ignore"}
    checked = check(
        [AMOUNT, PICKY],
        overrides,
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


@pytest.mark.parametrize(
    ("cell", "said"), [(b"a\0b", "a\\x00b"), (b"caf\xe9", "caf\\xe9"), (b"\xed\xa0\x80", "\\xed\\xa0\\x80")]
)
def test_an_entity_that_no_text_of_postgres_can_hold_is_rejected(cell: bytes, said: str) -> None:
    checked = check([COUNT], entity_id=text_of(b"good", cell, None), count=[1, 2, 3])
    assert reasons(checked) == [("entity_id", "null"), ("entity_id", "type")]
    assert checked.rejected.column("entity_id").to_pylist() == [None, said]
    assert checked.accepted.column("entity_id").to_pylist() == ["good"]


def test_every_row_of_a_doubled_entity_is_rejected() -> None:
    checks = checker([COUNT], duplicates=pa.array(["twice", "7"]))
    first = checks.check(pa.record_batch({"entity_id": ["once", "twice", None], "count": [1, 2, 3]}))
    second = checks.check(pa.record_batch({"entity_id": [7, 8], "count": [1, None]}))
    assert reasons(first) == [("entity_id", "null"), ("entity_id", "unique")]
    assert [row["entity_id"] for row in second.rejected.to_pylist()] == ["7", "8"]


def test_the_order_of_columns_and_further_ones_change_nothing() -> None:
    values: dict[str, Any] = {"amount": [1.0, 2.0], "count": [1, 2], "channel": ["web", None]}
    contract = [AMOUNT, COUNT, CHANNEL]
    plain = check(contract, **values)
    turned = check(contract, extra=[[1], [2]], **dict(reversed(values.items())))
    assert plain.accepted.equals(turned.accepted)
    assert plain.accepted.schema.names == ["entity_id", "amount", "count", "channel"]
