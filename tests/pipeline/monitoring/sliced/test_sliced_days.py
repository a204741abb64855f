"""pipeline/monitoring/sliced/sliced_days.py: what the reference keeps of slices, within bounds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.errors import UsageError
from pipeline.monitoring.bins import Bins
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced.sliced_days import MAX_SLICE_VALUES, SlicedDays


def test_the_values_of_each_day_are_read_as_they_were_counted(
    sliced: Reference, phone_nights: pd.DataFrame
) -> None:
    again = Reference.read(sliced.content())
    assert again.slices.grid.values == {"channel": ("phone", "shop", "web"), "member": ("false", "true")}
    counts = again.slices.counts("channel")
    at = again.slices.grid.places["visits"]
    by_day = phone_nights.groupby(["night", "channel"]).size().unstack()
    assert counts[:, :-1, at].sum(axis=2).tolist() == by_day[["phone", "shop", "web"]].to_numpy().tolist()
    assert counts[:, :, at].sum(axis=1).tolist() == sliced.counts["visits"].tolist()


def test_a_version_that_was_registered_before_has_none(unsliced: Reference) -> None:
    assert b'"slices"' not in unsliced.content()
    assert Reference.read(unsliced.content()).slices.packed == {}


def count(values: list[str]) -> SlicedDays:
    bins: Mapping[str, Bins] = {"shop": Bins("shop", "presence")}
    counts = {"shop": np.array([len(values), 0])}
    return SlicedDays.of(["shop"], bins, counts, {"shop": pa.array(values)}, [np.arange(len(values))])


def test_only_so_many_values_are_kept_and_those_are_the_most_common() -> None:
    names = [f"shop-{number:03d}" for number in range(200)]
    kept = count([*names, *names[50:], "x" * 1000, "x" * 1000, "x" * 1000]).grid.values["shop"]
    assert len(kept) == MAX_SLICE_VALUES
    assert set(kept) <= set(names[50:])


def test_a_slice_that_is_no_feature_is_refused() -> None:
    with pytest.raises(UsageError, match=r"slice 'colour' is no feature of the model. Name some of: shop"):
        SlicedDays.of(["colour"], {"shop": Bins("shop", "presence")}, {}, {"shop": pa.array(["a"])}, [])
