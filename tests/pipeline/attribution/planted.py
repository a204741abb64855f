"""Models whose reasons are known, and exact shares by counting every set of columns."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Function = Callable[[Floats], Floats]


def batch(values: Floats) -> pa.RecordBatch:
    """Rows of numbers, with columns c0, c1 and so on."""
    return pa.RecordBatch.from_arrays([pa.array(column) for column in values.T], names=names(values.shape[1]))


def names(columns: int) -> list[str]:
    """The columns' names."""
    return [f"c{place}" for place in range(columns)]


def outputs(function: Function) -> Callable[[pa.RecordBatch, object], Floats]:
    """A function of numbers, as walks ask for it."""
    return lambda rows, _: function(np.column_stack([column.to_numpy() for column in rows.columns]))


def exact(function: Function, row: Floats, background: Floats) -> Floats:
    """Shapley values of one row by enumeration of all sets of columns, averaged over the background."""
    columns = len(row)
    worth = {}
    for size in range(columns + 1):
        for chosen in combinations(range(columns), size):
            mixed = background.copy()
            mixed[:, list(chosen)] = row[list(chosen)]
            worth[frozenset(chosen)] = function(mixed).mean()
    values = np.zeros(columns)
    for inside, value in worth.items():
        size = len(inside)
        for column in range(columns):
            if column not in inside:
                weight = math.factorial(size) * math.factorial(columns - size - 1) / math.factorial(columns)
                values[column] += weight * (worth[inside | {column}] - value)
    return values
