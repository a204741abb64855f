"""The contract is read off the rows of training: every column with its kind and its limits."""

import re
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.contract.contract import ContractError
from pipeline.contract.infer import MAX_CATEGORIES, infer


def test_the_contract_says_what_training_saw() -> None:
    seen = pd.DataFrame(
        {"n": [1.5, None, -2.0], "k": [3, 1, 2], "t": ["web", None, "shop"], "b": [True, False, True]}
    )
    columns = {column.name: column for column in infer(seen, ["n", "k", "t", "b"]).columns}
    assert (columns["n"].kind, columns["n"].nullable, columns["n"].minimum, columns["n"].maximum) == (
        "number",
        True,
        -2.0,
        1.5,
    )
    assert (columns["k"].kind, columns["k"].nullable, columns["k"].minimum, columns["k"].maximum) == (
        "integer",
        False,
        1,
        3,
    )
    assert (columns["t"].kind, columns["t"].nullable, columns["t"].categories) == (
        "text",
        True,
        ("shop", "web"),
    )
    assert (columns["b"].kind, columns["b"].categories) == ("boolean", None)


@pytest.mark.parametrize(
    ("dtype", "kind", "arrow"),
    [
        ("bool", "boolean", pa.bool_()),
        ("boolean", "boolean", pa.bool_()),
        ("int8", "integer", pa.int8()),
        ("uint64", "integer", pa.uint64()),
        ("Int32", "integer", pa.int32()),
        ("UInt8", "integer", pa.uint8()),
        ("float32", "number", pa.float32()),
        ("Float64", "number", pa.float64()),
        ("str", "text", pa.string()),
        ("string", "text", pa.string()),
        ("category", "text", pa.string()),
        ("datetime64[us]", "timestamp", pa.timestamp("us")),
        ("datetime64[ns]", "timestamp", pa.timestamp("ns")),
        ("datetime64[s]", "timestamp", pa.timestamp("ms")),
        ("datetime64[ms, UTC]", "instant", pa.timestamp("ms", "UTC")),
        ("datetime64[us, UTC]", "instant", pa.timestamp("us", "UTC")),
        ("datetime64[ns, America/New_York]", "instant", pa.timestamp("ns", "UTC")),
    ],
)
def test_every_dtype_has_its_kind(dtype: str, kind: str, arrow: pa.DataType) -> None:
    values: dict[str, Any] = {
        "text": ["a", "b"],
        "timestamp": pd.to_datetime([0, 1]),
        "instant": pd.to_datetime([0, 1], utc=True),
    }
    rows = pd.DataFrame({"x": values.get(kind, [1, 0])}).astype({"x": dtype})
    [column] = infer(rows, ["x"]).columns
    assert (column.kind, column.dtype, column.arrow, column.nullable) == (kind, dtype, arrow, False)


def test_free_text_has_no_categories() -> None:
    rows = pd.DataFrame({"t": [f"text {number}" for number in range(MAX_CATEGORIES + 1)]})
    assert infer(rows, ["t"]).columns[0].categories is None


def test_a_feature_that_the_reference_lacks_is_named() -> None:
    with pytest.raises(
        ContractError, match="the reference has no column 'visits', which the model takes. It has amount"
    ):
        infer(pd.DataFrame({"amount": [1.0]}), ["amount", "visits"])


def test_a_categorical_keeps_all_its_categories() -> None:
    names = [f"product {number}" for number in range(MAX_CATEGORIES + 1)]
    contract = infer(pd.DataFrame({"t": pd.Categorical(names[:2], categories=names)}), ["t"])
    frame = contract.frame(pa.record_batch({"entity_id": ["e"], "t": [names[-1]]}))
    assert frame["t"].tolist() == [names[-1]]
    assert list(frame["t"].cat.categories) == names


@pytest.mark.parametrize("dtype", ["object", "str"])
def test_a_text_that_training_never_had_is_still_a_text(dtype: str) -> None:
    rows = pd.DataFrame({"t": pd.Series([None, None], dtype=dtype)})
    contract = infer(rows, ["t"])
    assert (contract.columns[0].categories, contract.columns[0].nullable) == ((), True)
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["e", "f"]), pa.nulls(2, pa.string())], schema=contract.schema
    )
    pd.testing.assert_frame_equal(contract.frame(batch), rows, check_exact=True)


@pytest.mark.parametrize("dtype", ["float16", "int64[pyarrow]"])
def test_a_dtype_that_no_part_can_keep_is_refused(dtype: str) -> None:
    rows = pd.DataFrame({"x": pd.Series([1, 2], dtype=dtype)})
    with pytest.raises(ContractError, match=rf"column 'x' of the reference has dtype {re.escape(dtype)}"):
        infer(rows, ["x"])


@pytest.mark.parametrize(
    ("values", "dtype", "example"),
    [
        (pd.Series([(1, 2), (3, 4)], dtype="object"), "object", r"\(1, 2\)"),
        (pd.Series(["a", 1], dtype="object"), "object", "1"),
        (pd.Series([date(2024, 3, 1)], dtype="object"), "object", "datetime.date.2024, 3, 1."),
        (pd.Series([True, "x"], dtype="object"), "object", "True"),
        (pd.Series([1j]), "complex128", "np.complex128.1j."),
        (pd.Series(pd.to_timedelta([1], unit="h")), "timedelta64.*", "np.timedelta64.3600000000,.us.."),
    ],
)
def test_values_that_no_model_takes_are_refused(values: pd.Series, dtype: str, example: str) -> None:
    complaint = (
        f"column 'x' of the reference has dtype {dtype} with values that are not text, such as {example}. "
        "Train on numbers, booleans, text or timestamps"
    )
    with pytest.raises(ContractError, match=complaint):
        infer(pd.DataFrame({"x": values}), ["x"])
