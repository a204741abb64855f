"""Profiles add up, and hold whatever a column may hold."""

import itertools
import math
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract.contract import Column
from pipeline.monitoring.bins import Bins, as_json, for_column, for_numbers, from_json
from pipeline.monitoring.profile import SCORE, Profile

BINS = {
    "amount": Bins("amount", "edges", edges=(-1.0, 0.0, 2.5)),
    "channel": Bins("channel", "values", values=("shop", "web")),
    "note": Bins("note", "presence"),
    SCORE: Bins(SCORE, "edges", edges=(0.5,)),
}

numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)
texts = st.none() | st.sampled_from(["shop", "web", "pigeon", ""])
rows = st.lists(st.tuples(numbers, texts, texts, st.floats(0, 1)), max_size=40)


def profile(of: list[tuple[float | None, str | None, str | None, float]]) -> Profile:
    """The profile of rows, whose columns stand in the order of BINS."""
    types = (pa.float64(), pa.string(), pa.string(), pa.float64())
    columns = [pa.array([row[place] for row in of], kind) for place, kind in enumerate(types)]
    return Profile.of(BINS, dict(zip(BINS, columns, strict=True)))


def counts(of: Profile) -> dict[str, list[int]]:
    """A profile's counts as plain lists."""
    return {name: found.tolist() for name, found in of.counts.items()}


@given(st.lists(rows, min_size=1, max_size=5))
def test_parts_add_up_to_one_pass_in_whatever_order(parts: list[list]) -> None:  # type: ignore[type-arg]
    whole = profile([row for part in parts for row in part])
    found = [profile(part) for part in parts]
    left = reduce(add, found)
    right = reduce(lambda one, other: other + one, reversed(found))
    assert counts(left) == counts(right) == counts(whole) == counts(left + Profile.of(BINS))
    assert left.rows == whole.rows == sum(map(len, parts))
    scores = [row[3] for part in parts for row in part]
    assert math.isclose(left.totals[SCORE], sum(scores), abs_tol=1e-9)


@given(rows, rows, rows)
def test_how_parts_are_grouped_and_ordered_makes_no_difference(one: list, other: list, third: list) -> None:  # type: ignore[type-arg]
    a, b, c = profile(one), profile(other), profile(third)
    assert counts((a + b) + c) == counts(a + (b + c))
    assert counts(a + b) == counts(b + a)
    assert math.isclose(((a + b) + c).totals[SCORE], (a + (c + b)).totals[SCORE], abs_tol=1e-9)


@given(rows)
def test_every_row_falls_into_one_bin_of_every_column(of: list) -> None:  # type: ignore[type-arg]
    assert {sum(found) for found in counts(profile(of)).values()} == {len(of)}


@given(rows)
def test_what_was_kept_is_read(of: list) -> None:  # type: ignore[type-arg]
    made = profile(of)
    read = Profile.read(BINS, [made.batch()])
    assert counts(read) == counts(made)
    np.testing.assert_array_equal(list(read.totals.values()), list(made.totals.values()))
    assert read.quantile("amount", 0.5) == made.quantile("amount", 0.5)
    # Parts that were scored before their values were kept have no quantiles, nor has a night with one of them.
    before = Profile.read(BINS, [made.batch().select(["column_name", "counts", "total"])])
    assert counts(before) == counts(made)
    assert (made + before).quantile(SCORE, 0.5) is None


def test_each_value_is_where_its_label_says() -> None:
    made = profile(
        [(-2, "shop", "a", 0.1), (-1, "web", None, 0.5), (2.5, "fax", "", 1.0), (None, None, "b", 0)]
    )
    found = {name: dict(zip(BINS[name].labels, list_, strict=True)) for name, list_ in counts(made).items()}
    assert found["amount"] == {"< -1": 1, "[-1, 0)": 1, "[0, 2.5)": 0, ">= 2.5": 1, "null": 1}
    assert found["channel"] == {"shop": 1, "web": 1, "other": 1, "null": 1}
    assert found["note"] == {"present": 3, "null": 1}
    assert found[SCORE] == {"< 0.5": 2, ">= 0.5": 2, "null": 0}


@pytest.mark.parametrize("of", [[], [(None, None, None, 0.0)] * 3])
def test_a_column_without_a_value_survives(of: list) -> None:  # type: ignore[type-arg]
    made = profile(of)
    assert made.mean("amount") is made.quantile("amount", 0.5) is None
    assert made.counts["amount"].tolist() == [0, 0, 0, 0, len(of)]


def test_the_mean_is_exact() -> None:
    values = np.random.default_rng(1).normal(50, 10, 10_000)
    bins = {"x": for_numbers("x", pa.array(values))}
    mean = Profile.of(bins, {"x": pa.array(values)}).mean("x")
    assert mean is not None
    assert math.isclose(mean, values.mean())


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column("x", "number", "float64", False), pa.array([1.0, 1.0]), Bins("x", "edges", edges=(1.0,))),
        (Column("x", "number", "float64", True), pa.nulls(3, pa.float64()), Bins("x", "presence")),
        (Column("x", "boolean", "bool", False), pa.array([True]), Bins("x", "values", values=("false", "true"))),
        (Column("x", "timestamp", "datetime64[us]", False), pa.array([1], pa.timestamp("us")), Bins("x", "presence")),
        (Column("x", "text", "str", False), pa.array(["free"]), Bins("x", "presence")),
        (
            Column("x", "text", "str", True, categories=("a", "b")),
            pa.array(["b", None, "a"]),
            Bins("x", "values", values=("a", "b")),
        ),
    ],
)  # fmt: skip
def test_bins_are_made_of_what_training_saw(column: Column, values: pa.Array, expected: Bins) -> None:
    made = for_column(column, values)
    assert made == expected == from_json(as_json(made))
    assert Profile.of({"x": made}, {"x": values}).rows == len(values)


SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
# Few of them are alike, and they cross the bins' edges or all lie in one.
columns_of_numbers = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=60).map(lambda of: pa.array(of, pa.int64())),
    st.lists(st.none() | st.integers(0, 6), max_size=60).map(lambda of: pa.array(of, pa.int8())),
    st.lists(st.none() | st.just(0.1), max_size=60).map(lambda of: pa.array(of, pa.float64())),
    st.lists(numbers, max_size=60).map(lambda of: pa.array(of, pa.float64())),
    st.lists(st.floats(width=32), max_size=60).map(lambda of: pa.array(of, pa.float32())),
)  # fmt: skip
edges = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=11, unique=True).map(sorted).map(tuple)


def quantiles(edges: tuple[float, ...], cut: list[pa.Array]) -> list[float | None]:
    """The quantiles of a column that came in these parts, each kept and read."""
    bins = {"x": Bins("x", "edges", edges=edges)}
    kept = [Profile.read(bins, [Profile.of(bins, {"x": part}).batch()]) for part in cut]
    whole = reduce(add, kept, Profile.of(bins))
    return [whole.quantile("x", share) for share in SHARES]


@given(columns_of_numbers, edges, st.lists(st.integers(0, 60), max_size=4))
def test_quantiles_of_few_values_are_exact(column: pa.Array, edges: tuple[float, ...], at: list[int]) -> None:
    ends = [0, *sorted(min(end, len(column)) for end in at), len(column)]
    parts = [column.slice(low, high - low) for low, high in itertools.pairwise(ends)]
    present = sorted(float(value) for value in column.to_pylist() if value is not None and value == value)
    ranks = [max(math.ceil(share * len(present)), 1) - 1 for share in SHARES]
    expected = [present[rank] for rank in ranks] if present else [None] * len(SHARES)
    assert quantiles(edges, parts) == quantiles(edges, parts[::-1]) == expected


def test_ten_million_rows_of_few_values_have_exact_quantiles() -> None:
    bins = {"x": Bins("x", "edges", edges=(0.0, 1e9))}
    part = Profile.of(bins, {"x": pa.array(np.arange(1000).repeat(10))})
    for _ in range(10):
        part += part
    assert [part.quantile("x", share) for share in SHARES] == [0, 99, 499, 899, 999]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "skewed", "ascending", "descending", "mostly one", "far apart"]),
    st.integers(1_001, 40_000),
    st.integers(1, 60),
)
def test_quantiles_of_many_values_are_near_in_rank(seed: int, kind: str, rows: int, parts: int) -> None:
    random = np.random.default_rng(seed)
    values = {
        "normal": random.normal(50, 10, rows),
        "skewed": random.zipf(1.2, rows).astype(np.float64),
        "ascending": np.arange(rows, dtype=np.float64),
        "descending": -np.arange(rows, dtype=np.float64),
        "mostly one": np.where(random.random(rows) < 0.8, 7.0, random.random(rows)),
        "far apart": random.choice([-1, 1], rows) * np.exp(random.uniform(-700, 700, rows)),
    }[kind]
    computed = quantiles((0.0, 1.0), [pa.array(part) for part in np.array_split(values, parts)])
    assert computed == sorted(computed)  # type: ignore[type-var]
    for share, quantile in zip(SHARES, computed, strict=True):
        assert quantile in values
        assert (values < quantile).mean() - 0.01 <= share <= (values <= quantile).mean() + 0.01
