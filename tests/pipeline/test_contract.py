"""The model gets the very frame that training saw: names, order, dtypes, values, missing values."""

import io
import string
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract import MAX_CATEGORIES, ContractError, infer

STAMPS = st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2100-01-01"))
TEXT = st.text(max_size=4)

# dtype -> values of it; None where training saw nulls.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint8": st.integers(0, 255),
    "float64": st.none() | st.floats(allow_nan=False),
    "float32": st.none() | st.floats(allow_nan=False, width=32),
    "bool": st.booleans(),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1),
    "Float64": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.none() | st.booleans(),
    "str": st.none() | TEXT,
    "object": st.none() | TEXT,
    "category": st.none() | st.sampled_from(["red", "green", "blue"]),
    "datetime64[us]": st.none() | STAMPS,
    "datetime64[us, UTC]": st.none() | STAMPS,
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Random training data."""
    dtypes = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    rows = draw(st.integers(1, 8))
    columns = {}
    for name, dtype in zip(string.ascii_lowercase, dtypes, strict=False):
        values = draw(st.lists(VALUES[dtype], min_size=rows, max_size=rows))
        if dtype == "category":
            columns[name] = pd.Series(pd.Categorical(values, categories=["red", "green", "blue"]))
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


@settings(max_examples=300, deadline=None)
@given(frames())
def test_a_part_gives_back_the_frame_that_training_saw(frame: pd.DataFrame) -> None:
    # As a team writes its reference, and as registering reads it.
    reference = _round_trip(frame)
    contract = infer(reference, list(reference.columns))
    batch = pa.RecordBatch.from_pandas(reference.assign(entity_id="e"), preserve_index=False)
    arrow = [
        pa.array(["e"] * len(reference)),
        *(_stored(batch.column(c.name), c.arrow) for c in contract.columns),
    ]
    part = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrow, schema=contract.schema), part)
    again = contract.frame(pq.read_table(part).combine_chunks().to_batches()[0])
    pd.testing.assert_frame_equal(again, reference, check_exact=True, check_categorical=True)


def _round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file)


def _stored(column: pa.Array, kind: pa.DataType) -> pa.Array:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return plain.cast(kind)


def test_the_contract_says_what_training_saw() -> None:
    seen = pd.DataFrame(
        {"n": [1.5, None, -2.0], "k": [3, 1, 2], "t": ["web", None, "shop"], "b": [True, False, True]}
    )
    found = {column.name: column for column in infer(seen, ["n", "k", "t", "b"]).columns}
    assert (found["n"].kind, found["n"].nullable, found["n"].minimum, found["n"].maximum) == (
        "number",
        True,
        -2.0,
        1.5,
    )
    assert (found["k"].kind, found["k"].nullable, found["k"].minimum, found["k"].maximum) == (
        "integer",
        False,
        1,
        3,
    )
    assert (found["t"].kind, found["t"].nullable, found["t"].categories) == ("text", True, ("shop", "web"))
    assert (found["b"].kind, found["b"].categories) == ("boolean", None)


def test_free_text_has_no_categories() -> None:
    rows = pd.DataFrame({"t": [f"text {number}" for number in range(MAX_CATEGORIES + 1)]})
    assert infer(rows, ["t"]).columns[0].categories is None


def test_a_feature_that_the_reference_lacks_is_named() -> None:
    with pytest.raises(
        ContractError, match="the reference has no column 'visits', which the model takes. It has amount"
    ):
        infer(pd.DataFrame({"amount": [1.0]}), ["amount", "visits"])


def test_values_that_no_model_takes_are_refused() -> None:
    rows = pd.DataFrame({"pair": np.array([(1, 2), (3, 4)], dtype="i,i").astype(object)})
    with pytest.raises(
        ContractError, match="column 'pair' of the reference has dtype object with values that are not text"
    ):
        infer(rows, ["pair"])


def test_unknown_categories_of_a_categorical_reach_the_model_as_missing() -> None:
    contract = infer(pd.DataFrame({"colour": pd.Categorical(["red", "blue"])}), ["colour"])
    frame = contract.frame(pa.record_batch({"entity_id": ["e", "f"], "colour": ["green", "red"]}))
    assert frame["colour"].isna().tolist() == [True, False]
    assert list(frame["colour"].cat.categories) == ["blue", "red"]
