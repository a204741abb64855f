"""The model gets the very frame that training saw: names, order, dtypes, values, missing values."""

import io
import json
import string
from dataclasses import asdict
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.contract.coerce import convert
from pipeline.contract.contract import Column, Contract
from pipeline.contract.infer import infer
from pipeline.store import parts

STAMPS = st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2100-01-01"))

TEXT = st.text(max_size=4)

# dtype -> values of it; None where training saw nulls.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint8": st.integers(0, 255),
    "uint64": st.integers(0, 2**64 - 1),
    "float64": st.none() | st.floats(allow_nan=False),
    "float32": st.none() | st.floats(allow_nan=False, width=32),
    "bool": st.booleans(),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1) | st.just(2**53 + 1),
    "Int32": st.none() | st.integers(-(2**31), 2**31 - 1),
    "Float64": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.none() | st.booleans(),
    "str": st.none() | TEXT,
    "string": st.none() | TEXT,
    "object": st.none() | TEXT,
    "category": st.none() | st.sampled_from(["red", "green", "blue"]),
    "ordered": st.none() | st.sampled_from(["red", "green", "blue"]),
    "datetime64[ns]": st.none() | STAMPS,
    "datetime64[us]": st.none() | STAMPS,
    "datetime64[us, UTC]": st.none() | STAMPS,
    "datetime64[ns, America/New_York]": st.none() | STAMPS.map(lambda at: pd.Timestamp(at, tz="UTC")),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Random training data."""
    dtypes = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    rows = draw(st.integers(1, 8))
    columns = {}
    for name, dtype in zip(string.ascii_lowercase, dtypes, strict=False):
        values = draw(st.lists(VALUES[dtype], min_size=rows, max_size=rows))
        if dtype in ("category", "ordered"):
            colours = pd.Categorical(values, categories=["red", "green", "blue"], ordered=dtype == "ordered")
            columns[name] = pd.Series(colours)
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


@settings(max_examples=150)
@given(frames())
def test_a_part_gives_back_the_frame_that_training_saw(frame: pd.DataFrame) -> None:
    # As a team writes its reference, and as registering reads it.
    reference = _written(frame)
    again = _frame(_kept(infer(reference, list(reference.columns))), reference)
    pd.testing.assert_frame_equal(again, reference, check_exact=True, check_categorical=True)
    for name, dtype in reference.dtypes.items():
        if dtype in ("float64", "float32"):
            assert again[name].to_numpy().tobytes() == reference[name].to_numpy().tobytes()


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file)


def _kept(contract: Contract) -> Contract:
    """The contract as a manifest keeps it."""
    text = json.dumps([asdict(column) for column in contract.columns])
    kept = Contract(TypeAdapter(tuple[Column, ...]).validate_json(text))
    assert kept == contract
    return kept


def _frame(contract: Contract, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as the model gets them: sent by a database, converted, kept in a part, and read back."""
    sent = pa.RecordBatch.from_pandas(rows, preserve_index=False)
    columns = [pa.array(["e"] * len(rows))]
    for column in contract.columns:
        values, unreadable = convert(sent.column(column.name), column)
        assert unreadable is None
        columns.append(values)
    with TemporaryDirectory() as store:
        writer = parts.PartWriter(contract.schema)
        writer.write(pa.RecordBatch.from_arrays(columns, schema=contract.schema))
        part = writer.save(store, "part.parquet", 0)
        [batch] = parts.read(store, "part.parquet", part)
    return contract.frame(batch)


@pytest.mark.parametrize(("dtype", "missing"), [("object", "None"), ("str", "nan")])
def test_a_missing_text_is_the_one_that_training_knew(dtype: str, missing: str) -> None:
    # Not by way of a file: Parquet brings text back as `str`, and a contract may be inferred in memory.
    rows = pd.DataFrame({"t": pd.Series(["web", None], dtype=dtype)})
    again = _frame(_kept(infer(rows, ["t"])), rows)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)
    assert [repr(value) for value in again["t"]] == ["'web'", missing]


def test_minus_zero_and_denormals_reach_the_model_bit_for_bit() -> None:
    rows = pd.DataFrame({"x": [-0.0, 0.0, 5e-324, -5e-324, 1.7976931348623157e308, float("nan")]})
    contract = infer(rows, ["x"])
    batch = pa.record_batch({"entity_id": ["e"] * 6, "x": pa.array(rows["x"], from_pandas=True)})
    again = contract.frame(batch)["x"].to_numpy()
    assert again.view(np.int64).tolist() == rows["x"].to_numpy().view(np.int64).tolist()


@pytest.mark.parametrize("bound", [2**53 + 1, -(2**63), 2**63 - 1])
def test_large_bounds_live_through_the_manifest_exactly(bound: int) -> None:
    [column] = _kept(infer(pd.DataFrame({"k": pd.Series([bound, None], dtype="Int64")}), ["k"])).columns
    assert (column.minimum, column.maximum) == (bound, bound)
    assert isinstance(column.minimum, int)


def test_unknown_categories_of_a_categorical_reach_the_model_as_missing() -> None:
    contract = infer(pd.DataFrame({"colour": pd.Categorical(["red", "blue"])}), ["colour"])
    frame = contract.frame(pa.record_batch({"entity_id": ["e", "f"], "colour": ["green", "red"]}))
    assert frame["colour"].isna().tolist() == [True, False]
    assert list(frame["colour"].cat.categories) == ["blue", "red"]
