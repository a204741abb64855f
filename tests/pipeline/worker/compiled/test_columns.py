"""A column's values have their places in the trees' matrix, or the batch needs a frame."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.worker.compiled import columns
from pipeline.worker.compiled.columns import NeedsFrameError
from pipeline.worker.models import Column

COLOR, AMOUNT = Column("color", "str", None, False), Column("amount", "float64", None, False)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool", "float32", "float64"])
def test_numbers_are_asked_for_in_their_own_type(dtype: str) -> None:
    probes = columns.probes_of(Column("x", dtype, None, False), (), odd=True)
    assert probes.to_numpy(zero_copy_only=False).dtype == dtype
    assert probes.null_count == (dtype[0] == "f")


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "datetime64[ns]", "complex128"])
def test_other_dtypes_need_a_frame(dtype: str) -> None:
    with pytest.raises(NeedsFrameError):
        columns.probes_of(Column("x", dtype, None, False), (), odd=True)


def test_a_column_of_countless_texts_needs_a_frame() -> None:
    with pytest.raises(NeedsFrameError):
        columns.probes_of(COLOR, map(str, range(10_001)), odd=True)
    with pytest.raises(NeedsFrameError):
        columns.probes_of(COLOR, (), odd=False)


@pytest.mark.parametrize("known", [[], ["no category\x01"], ["no category\x01", "x" * 40]])
def test_what_stands_for_an_unknown_text_is_unknown(known: list[str]) -> None:
    *others, missing, unknown = columns.probes_of(COLOR, known, odd=True).to_pylist()
    assert (sorted(others), missing) == (sorted(known), None)
    assert unknown not in known


def test_texts_are_looked_up_and_numbers_stand_for_themselves() -> None:
    color, amount = columns.probes_of(COLOR, {"red"}, odd=True), columns.probes_of(AMOUNT, (), odd=True)
    first = np.zeros(3)
    got = np.array([[1.0, 0, 2.0], [0, 0, np.nan], [0, 0, -1.0]])
    way = columns.way_of(color, got, first, takes_unknown=True)
    assert way.places.tolist() == [0, 2]
    matrix = np.zeros((4, 3))
    assert way.put(pa.array(["red", None, "blue", "red"]), matrix)
    assert np.array_equal(matrix, got[[0, 1, 2, 0]], equal_nan=True)
    got = np.tile(first, (len(amount), 1))
    got[:, 1] = amount.to_numpy(zero_copy_only=False)
    got[-1, 1] = 7.5  # for what is missing
    way = columns.way_of(amount, got, first, takes_unknown=True)
    matrix = np.zeros((2, 3))
    assert way.put(pa.array([None, 1.25], pa.float64()), matrix)
    assert matrix[:, 1].tolist() == [7.5, 1.25]


def test_numbers_that_are_changed_on_their_way_need_a_frame() -> None:
    probes = columns.probes_of(AMOUNT, (), odd=False)
    doubled = 2 * probes.to_numpy()[:, None]
    with pytest.raises(NeedsFrameError):
        columns.way_of(probes, doubled, np.zeros(1), takes_unknown=False)


@pytest.mark.parametrize("between", [np.int64, np.float64])
def test_whole_numbers_are_rounded_as_often_as_by_a_frame(between: type) -> None:
    probes = columns.probes_of(Column("x", "int64", None, False), (), odd=False)
    got = probes.to_numpy().astype(between).astype(np.float32)[:, None]
    way = columns.way_of(probes, got, np.full(1, 7, np.float32), takes_unknown=False)
    numbers, matrix = np.array([2**40 + 2**16 + 1, 2**62 + 2**38 + 1, 5]), np.zeros((3, 1), np.float32)
    assert way.put(pa.array(numbers), matrix)
    assert matrix[:, 0].tolist() == numbers.astype(between).astype(np.float32).tolist()


def test_numbers_that_encoders_know_are_asked_for() -> None:
    known = ["red", 300, 2**53 + 1, 0.5, np.nan, -1.5e30]
    for dtype, expected in (("int64", {300, 2**53 + 1}), ("float64", {300.0, 0.5, -1.5e30})):
        probes = columns.probes_of(Column("x", dtype, None, False), known, odd=True)
        assert expected <= set(probes.to_pylist())


def test_what_was_not_asked_for_needs_a_frame() -> None:
    probes = columns.probes_of(COLOR, {"red", "green"}, odd=False)
    way = columns.way_of(probes, np.array([[1.0], [2.0]]), np.zeros(1), takes_unknown=False)
    matrix = np.zeros((1, 1))
    assert way.put(pa.array(["green"]), matrix)
    assert not way.put(pa.array(["blue"]), matrix)
    assert not way.put(pa.array([None], pa.string()), matrix)
    assert not way.put(pa.array([1]), matrix)


@pytest.mark.parametrize("odd", [True, False])
def test_a_nan_is_missing_and_an_infinity_needs_a_frame(odd: bool) -> None:
    probes = columns.probes_of(AMOUNT, (), odd=odd)
    got = probes.to_numpy(zero_copy_only=False)[:, None]
    way = columns.way_of(probes, got, np.zeros(1), takes_unknown=False)
    matrix = np.zeros((1, 1))
    assert not way.put(pa.array([np.inf]), matrix)
    assert way.put(pa.array([np.nan]), matrix) is odd
    assert bool(np.isnan(matrix[0, 0])) is odd
