"""Counts of rows by slice value and bin: what the rows of each value of a slice look like, column by column.

Numbers have the bins of all rows. Of categories only the most common have one each, for the rows of one value are few.
Like those of a profile, counts over one grid add up.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.monitoring.bins import Bins, Counts, Places
from pipeline.monitoring.profile import PROFILE_SCHEMA

# Categories of a column; the others are counted together.
_CATEGORIES = 10

SliceCounts = Mapping[str, Counts]


@dataclass(frozen=True, eq=False)
class Grid:
    """Which rows are counted, in which bins.

    Attributes:
        bins: by column.
        values: by slice its values, as text; rows with another, or with none, are counted together behind them.
    """

    bins: Mapping[str, Bins]
    values: Mapping[str, tuple[str, ...]]

    @cached_property
    def places(self) -> Mapping[str, slice]:
        """By column, where its bins stand among those of all columns."""
        ends = np.cumsum([len(each.labels) for each in self.bins.values()]).tolist()
        widths = (len(each.labels) for each in self.bins.values())
        return {
            name: slice(end - width, end) for name, end, width in zip(self.bins, ends, widths, strict=True)
        }

    @property
    def width(self) -> int:
        """Bins of all columns together."""
        return max((place.stop for place in self.places.values()), default=0)

    def of(self, slices: Collection[str]) -> Self:
        """The grid of these slices alone, as far as it has them."""
        return replace(self, values={name: each for name, each in self.values.items() if name in slices})

    def count(self, columns: Mapping[str, pa.Array]) -> dict[str, Counts]:
        """How many of these rows have which value and stand in which bin: by slice, of shape (values + 1, bins)."""
        counts = self._nothing()
        rows = {name: _places(columns[name], each) for name, each in self.values.items()}
        for name, bins in self.bins.items() if counts else ():
            places, width = bins.places(columns[name]), len(bins.labels)
            for sliced, row in rows.items():
                many = len(self.values[sliced]) + 1
                inside = np.bincount(row * width + places, minlength=many * width)
                counts[sliced][:, self.places[name]] = inside.reshape(many, width)
        return counts

    def add(self, one: SliceCounts, other: SliceCounts) -> dict[str, Counts]:
        """The counts of both their rows."""
        return {name: one[name] + other[name] for name in self.values}

    def batch(self, counts: SliceCounts) -> pa.RecordBatch:
        """Counts as they are stored behind a part's profile: one row a slice, schema `PROFILE_SCHEMA`."""
        rows = [
            {"column_name": "", "counts": counts[name].ravel(), "slice_column": name} for name in self.values
        ]
        return pa.RecordBatch.from_pylist(rows, PROFILE_SCHEMA)

    def read(self, batches: Iterable[pa.RecordBatch]) -> dict[str, Counts]:
        """The counts that were stored; none of a slice that was not."""
        counts = self._nothing()
        for batch in batches:
            stored = batch.column("slice_column") if "slice_column" in batch.schema.names else ()
            for place, name in enumerate(stored):
                if name.as_py() in counts:
                    numbers = batch.column("counts")[place].values.to_numpy()
                    counts[name.as_py()] = numbers.reshape(counts[name.as_py()].shape)
        return counts

    def _nothing(self) -> dict[str, Counts]:
        return {name: np.zeros((len(each) + 1, self.width), np.int64) for name, each in self.values.items()}


def coarse(bins: Bins, counts: Counts) -> Bins:
    """The bins of a column for the rows of a slice's value: its most common categories, and whatever else it has.

    Args:
        bins: of all rows.
        counts: how many of the training rows are in each.
    """
    if bins.kind != "values" or len(bins.values) <= _CATEGORIES:
        return bins
    common = np.sort(np.argsort(-counts[: len(bins.values)], kind="stable")[:_CATEGORIES])
    return replace(bins, values=tuple(bins.values[place] for place in common))


def _places(values: pa.Array, wanted: tuple[str, ...]) -> Places:
    """The place of each row's value; behind the last one where it is none of these."""
    index = pc.index_in(values.cast(pa.string()), pa.array(wanted, pa.string()))
    places: Places = pc.fill_null(index, len(wanted)).to_numpy(zero_copy_only=False).astype(np.intp)
    return places
