"""Values of a database become values as training had them: exactly, or not at all."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.contract.contract import Column, Contract
from tests.pipeline.contract.checking import (
    AMOUNT,
    BIG,
    CHANNEL,
    CLOCK,
    COUNT,
    EMPTY,
    FLOATING,
    INSTANT,
    RANGED,
    SINGLE,
    check,
    numeric,
    reasons,
    text_of,
)


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


def test_a_text_that_is_no_utf8_has_no_form_and_a_nul_is_exact() -> None:
    checked = check([CHANNEL], channel=text_of(b"web", b"\xff\xfe", b"a\0b", None))
    assert reasons(checked) == [("channel", "type")]
    assert checked.rejected.column("value").to_pylist() == ["\\xff\\xfe"]
    assert checked.accepted.column("channel").to_pylist() == ["web", "a\0b", None]


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (AMOUNT, ["1.25", "2"], ["1.2.3", "0x1F", "", " 1"]),
        (
            AMOUNT,
            ["9007199254740992", "-9007199254740992.0"],
            ["9007199254740993", "-009007199254740994", "9" * 30],
        ),
        (SINGLE, ["16777216", "16777217.5", "1e30"], ["16777217", "+16777218"]),
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


def test_one_poisoned_row_leaves_the_others_exact() -> None:
    amounts = numeric("0.1", "no number", "12.00", None)
    checked = check([Column("amount", "number", "float64", nullable=True)], amount=amounts)
    assert reasons(checked) == [("amount", "type")]
    assert checked.rejected.to_pylist()[0]["value"] == "no number"
    assert checked.accepted.column("amount").to_pylist() == [0.1, 12.0, None]


def test_a_frame_of_checked_rows_has_the_trained_dtypes() -> None:
    checked = check(
        [AMOUNT, COUNT, BIG, CHANNEL], amount=[1], count=numeric("2"), big=[None], channel=["web"]
    )
    frame = Contract((AMOUNT, COUNT, BIG, CHANNEL)).frame(checked.accepted)
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "int64", "Int64", "str"]
    pd.testing.assert_series_equal(frame["count"], pd.Series([2], name="count", dtype=np.int64))


@pytest.mark.parametrize("text", ["infinity", "-infinity", "Infinity"])
def test_a_time_without_an_end_is_not_finite(text: str) -> None:
    for sent in (pa.string(), pa.opaque(pa.string(), "instant", "sqlalchemy")):
        cells = pa.array(["2024-01-01 00:00:00+00:00", text, "soon"], pa.string())
        values = cells if sent == pa.string() else pa.ExtensionArray.from_storage(sent, cells)
        assert reasons(check([INSTANT], at=values)) == [("at", "type"), ("at", "finite")]
