"""pipeline/monitoring/quantiles.py: exact for few different values, near in rank for many."""

import itertools
import math
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.profile import Profile
from tests.pipeline.monitoring.test_profile import numbers

# Few of them are alike, and they cross the bins' edges or all lie in one.
columns_of_numbers = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=60).map(lambda of: pa.array(of, pa.int64())),
    st.lists(st.none() | st.integers(0, 6), max_size=60).map(lambda of: pa.array(of, pa.int8())),
    st.lists(st.none() | st.just(0.1), max_size=60).map(lambda of: pa.array(of, pa.float64())),
    st.lists(numbers, max_size=60).map(lambda of: pa.array(of, pa.float64())),
    st.lists(st.floats(width=32), max_size=60).map(lambda of: pa.array(of, pa.float32())),
)  # fmt: skip
edges = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=11, unique=True).map(sorted).map(tuple)

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)


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
