"""What the values of slices look like on each training day, as the reference keeps it: counts, most of them 0."""

import base64
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError
from pipeline.monitoring import bins as binning
from pipeline.monitoring.bins import Bins, Counts, Places
from pipeline.monitoring.sliced.grid import Grid, coarse

# Of a slice so many values are looked at, those with most training rows.
MAX_SLICE_VALUES = 24
# A longer text is no name of a group.
_LONGEST = 100
_NUMBERS = np.dtype("<i4")


@dataclass(frozen=True, eq=False)
class SlicedDays:
    """Counts by training day, slice value and bin.

    Attributes:
        grid: which are counted.
        packed: by slice, its counts, compressed: large tables in little room.
    """

    grid: Grid
    packed: Mapping[str, bytes]

    def counts(self, name: str) -> Counts:
        """The counts of a slice, of shape (days, values + 1, bins)."""
        numbers = np.frombuffer(zlib.decompress(self.packed[name]), _NUMBERS)
        by_bin = numbers.reshape(len(self.grid.values[name]) + 1, self.grid.width, -1)
        return np.moveaxis(by_bin, -1, 0).astype(np.int64)

    @classmethod
    def of(
        cls,
        slices: Collection[str],
        bins: Mapping[str, Bins],
        pooled: Mapping[str, Counts],
        arrays: Mapping[str, pa.Array],
        days: Sequence[Places],
    ) -> Self:
        """Count training rows day by day.

        Args:
            slices: the features whose values make the slices.
            bins: of all rows, by column.
            pooled: all training rows in these bins; slices look at the columns that are here.
            arrays: the rows, by column.
            days: the places of each day's rows.

        Raises:
            UsageError: a slice is no feature.
        """
        for name in slices:
            if name not in arrays:
                raise UsageError(
                    f"slice {name!r} is no feature of the model. Name some of: {', '.join(bins)}."
                )
        grid = Grid(
            {name: coarse(bins[name], counts) for name, counts in pooled.items()},
            {name: _most_common(arrays[name]) for name in slices},
        )
        counted = [
            grid.count({name: values.take(pa.array(day)) for name, values in arrays.items()}) for day in days
        ]
        return cls(grid, {name: pack(np.array([counts[name] for counts in counted])) for name in slices})

    def content(self) -> str:
        """The counts as JSON."""
        document = {
            "bins": [binning.as_json(each) for each in self.grid.bins.values()],
            "values": {name: list(values) for name, values in self.grid.values.items()},
            "counts": {name: base64.b64encode(packed).decode() for name, packed in self.packed.items()},
        }
        return json.dumps(document, ensure_ascii=False)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """The counts from their JSON form."""
        bins = {each["column"]: binning.from_json(each) for each in document["bins"]}
        grid = Grid(bins, {name: tuple(values) for name, values in document["values"].items()})
        return cls(grid, {name: base64.b64decode(packed) for name, packed in document["counts"].items()})


NOTHING = SlicedDays(Grid({}, {}), {})


def _most_common(values: pa.Array) -> tuple[str, ...]:
    counts = pc.value_counts(values.drop_null().cast(pa.string())).to_pylist()
    often = sorted(counts, key=lambda count: (-count["counts"], count["values"]))
    names = [count["values"] for count in often if len(count["values"]) <= _LONGEST]
    return tuple(sorted(names[:MAX_SLICE_VALUES]))


def pack(counts: Counts) -> bytes:
    """The counts of a slice, of shape (days, values + 1, bins), compressed."""
    # The days of a bin side by side: they are alike, and take half the room.
    return zlib.compress(np.moveaxis(counts, 0, -1).astype(_NUMBERS).tobytes())
