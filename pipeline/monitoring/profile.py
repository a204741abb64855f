"""What a run's columns look like: counts over bins that were fixed when the model was registered, and quantiles.

Counts of the same bins add up, so that a run's profile is the sum of its parts', in whatever order they come. Each
column has a bin for what is missing and, where it holds categories, one for all the others. Quantiles are of the
values themselves: bins that were made for other rows say little of where these lie.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy.typing as npt
import pyarrow as pa

from pipeline.monitoring.bins import Bins, Counts
from pipeline.monitoring.quantiles import Ranks

# A feature's name is never empty, so this one is free.
SCORE = ""

# How profiles are stored beside a part: one row a column, and behind them one a slice, with the counts of its values.
PROFILE_SCHEMA = pa.schema(
    {
        "column_name": pa.string(),
        "counts": pa.list_(pa.int64()),
        "total": pa.float64(),
        "values": pa.list_(pa.float64()),
        "weights": pa.list_(pa.int64()),
        "slice_column": pa.string(),
    }
)


@dataclass(frozen=True)
class Profile:
    """The counts of some rows.

    Attributes:
        bins: by column.
        counts: by column, one number a bin.
        totals: by column, the sum of its numbers.
        ranks: by column, the ranks of its numbers; without those that a part did not store.
    """

    bins: Mapping[str, Bins]
    counts: Mapping[str, Counts]
    totals: Mapping[str, float]
    ranks: Mapping[str, Ranks] = field(default_factory=dict)

    @classmethod
    def of(cls, bins: Mapping[str, Bins], columns: Mapping[str, pa.Array] | None = None) -> Self:
        """The profile of these columns; of no row where there are none."""
        values = columns or dict.fromkeys(bins, pa.nulls(0, pa.float64()))
        counted = {name: binned.count(values[name]) for name, binned in bins.items()}
        return cls(
            bins,
            {name: counts for name, (counts, _) in counted.items()},
            {name: total for name, (_, total) in counted.items()},
            {name: binned.rank(values[name]) for name, binned in bins.items()},
        )

    def __add__(self, other: Self) -> Self:
        """The profile of both their rows."""
        return type(self)(
            self.bins,
            {name: counts + other.counts[name] for name, counts in self.counts.items()},
            {name: total + other.totals[name] for name, total in self.totals.items()},
            {name: ranks + other.ranks[name] for name, ranks in self.ranks.items() if name in other.ranks},
        )

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return max((int(counts.sum()) for counts in self.counts.values()), default=0)

    def mean(self, column: str) -> float | None:
        """The mean of a column's numbers; None where it has none."""
        present = int(self.counts[column][:-1].sum())
        return self.totals[column] / present if self.bins[column].kind == "edges" and present else None

    def quantile(self, column: str, share: float) -> float | None:
        """A value of which this share of a column's numbers is no larger; None where it has none."""
        return self.ranks[column].quantile(share) if column in self.ranks else None

    def batch(self) -> pa.RecordBatch:
        """The profile as it is stored, schema `PROFILE_SCHEMA`."""
        columns = [
            list(self.counts),
            list(self.counts.values()),
            [self.totals[name] for name in self.counts],
            [self.ranks[name].values for name in self.counts],
            [self.ranks[name].weights for name in self.counts],
            [None] * len(self.counts),
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, PROFILE_SCHEMA, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=PROFILE_SCHEMA)

    @classmethod
    def read(cls, bins: Mapping[str, Bins], batches: Iterable[pa.RecordBatch]) -> Self:
        """The profile that was stored."""
        counts, totals, ranks = {}, {}, {}
        for row in itertools.chain.from_iterable(map(_rows, batches)):
            name = row["column_name"].as_py()
            if "slice_column" in row and row["slice_column"].is_valid:
                continue
            counts[name], totals[name] = _list(row["counts"]), row["total"].as_py()
            if "values" in row:  # parts that were scored before quantiles were of the values have none
                ranks[name] = Ranks(_list(row["values"]), _list(row["weights"]))
        return cls(bins, counts, totals, ranks)


def _rows(batch: pa.RecordBatch) -> list[dict[str, pa.Scalar]]:
    return [
        {name: batch.column(name)[place] for name in batch.schema.names} for place in range(batch.num_rows)
    ]


def _list(row: pa.ListScalar) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = row.values.to_numpy()
    return numbers
