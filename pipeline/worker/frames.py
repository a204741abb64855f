"""A part's batch as the frame that training saw: same names, order, dtypes and missing values."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


class Column(Protocol):
    """What a frame needs to know of a column; `pipeline.contract.contract.Column` says what each means."""

    @property
    def name(self) -> str:
        """The feature's name."""

    @property
    def dtype(self) -> str:
        """The dtype in which the model gets it."""

    @property
    def categories(self) -> Sequence[str] | None:
        """The categories of a column of dtype `category`."""

    @property
    def ordered(self) -> bool:
        """Whether they have an order."""


class NoNullError(ValueError):
    """A null in a column whose dtype has none."""


def frame(batch: pa.RecordBatch, columns: Iterable[Column]) -> pd.DataFrame:
    """The features of a batch.

    Raises:
        NoNullError: one has a null that its dtype cannot hold.
    """
    return pd.DataFrame({column.name: _series(batch.column(column.name), column) for column in columns})


def _series(values: pa.Array, column: Column) -> pd.Series:
    if column.dtype == "category":
        categories = list(column.categories or ())
        codes = pc.fill_null(pc.index_in(values, pa.array(categories, pa.string())), -1).to_numpy()
        index = pd.Index(categories, dtype="str")
        return pd.Series(pd.Categorical.from_codes(codes, categories=index, ordered=column.ordered))
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if hasattr(dtype, "__from_arrow__"):
        return pd.Series(dtype.__from_arrow__(values))
    if dtype.kind == "b" and values.null_count:  # NumPy would take a null for False
        raise NoNullError(f"column {column.name!r}: {values.null_count} nulls, and {column.dtype} has none.")
    # Given beforehand: pandas would take text for `str`, and None for NaN.
    first = dtype if dtype.kind == "O" else None
    return pd.Series(values.to_numpy(zero_copy_only=False), dtype=first).astype(dtype)
