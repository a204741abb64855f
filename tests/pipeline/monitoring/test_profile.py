"""Profiles add up, and hold whatever a column may hold."""

import math
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.monitoring.bins import Bins, for_numbers
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
    profiles = [profile(part) for part in parts]
    left = reduce(add, profiles)
    right = reduce(lambda one, other: other + one, reversed(profiles))
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
    by_label = {
        name: dict(zip(BINS[name].labels, list_, strict=True)) for name, list_ in counts(made).items()
    }
    assert by_label["amount"] == {"< -1": 1, "[-1, 0)": 1, "[0, 2.5)": 0, ">= 2.5": 1, "null": 1}
    assert by_label["channel"] == {"shop": 1, "web": 1, "other": 1, "null": 1}
    assert by_label["note"] == {"present": 3, "null": 1}
    assert by_label[SCORE] == {"< 0.5": 2, ">= 0.5": 2, "null": 0}


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
