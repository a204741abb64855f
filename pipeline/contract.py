"""The contract of a model: the columns that it was trained on, as they were in training.

It is inferred once, from the data that the model was trained on, and kept in the model's manifest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ScoringError

ENTITY = "entity_id"

# A text column with more distinct values than this is free text and not a set of categories.
MAX_CATEGORIES = 1000

# An instant is a timestamp with a time zone.
Kind = Literal["integer", "number", "boolean", "text", "timestamp", "instant"]


class ContractError(ScoringError):
    """A query's columns, or a reference's, do not fit what the model takes."""


@dataclass(frozen=True)
class Column:
    """What the model was trained on in one column.

    Attributes:
        name: the feature's name.
        kind: the family of values.
        dtype: the pandas or NumPy dtype in which training saw it, and in which the model gets it.
        nullable: whether training saw nulls.
        categories: the texts that training saw, None for free text and other kinds.
        ordered: dtype `category` only: whether the categories have an order.
        minimum: the smallest number that training saw.
        maximum: the largest number that training saw.
        accepts_unknown: whether the model can score a text that training never saw.
    """

    name: str
    kind: Kind
    dtype: str
    nullable: bool
    categories: tuple[str, ...] | None = None
    ordered: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    accepts_unknown: bool = True

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which parts keep the column."""
        if self.kind == "text":
            return pa.string()
        if self.kind in ("timestamp", "instant"):
            # Nanoseconds reach from 1677 to 2262 only: a date beyond must be found before the model gets it.
            unit = "ns" if "[ns" in self.dtype else "us"
            return pa.timestamp(unit, tz="UTC" if self.kind == "instant" else None)
        return pa.from_numpy_dtype(self.dtype.lower().replace("boolean", "bool"))


@dataclass(frozen=True)
class Contract:
    """The columns that a model takes, in the order in which it was trained on them."""

    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a part."""
        return pa.schema([(ENTITY, pa.string()), *((column.name, column.arrow) for column in self.columns)])

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """The features of a part's batch just as training saw them: same names, order, dtypes and missing values."""
        return pd.DataFrame(
            {column.name: _series(batch.column(column.name), column) for column in self.columns}
        )


def infer(reference: pd.DataFrame, features: list[str]) -> Contract:
    """Read the contract off the data that a model was trained on.

    Args:
        reference: training rows, in the dtypes in which the model was trained.
        features: the columns that the model takes, in the trained order.

    Raises:
        ContractError: a feature is missing from the reference, or of a kind that no model takes.
    """
    missing = [name for name in features if name not in reference.columns]
    if missing:
        raise ContractError(
            f"the reference has no column {missing[0]!r}, which the model takes. "
            f"It has {', '.join(map(str, reference.columns))}. Write the reference with every feature."
        )
    return Contract(tuple(_infer(reference[name]) for name in features))


def _infer(series: pd.Series) -> Column:
    name, dtype, values = str(series.name), series.dtype, series.dropna()
    if isinstance(dtype, pd.ArrowDtype) or dtype == "float16":
        raise ContractError(
            f"column {name!r} of the reference has dtype {dtype}, which no part can keep. "
            "Train on a dtype of NumPy or pandas, such as float64, Int64 or category."
        )
    nullable = len(values) < len(series)
    if pd.api.types.is_bool_dtype(dtype):
        return Column(name, "boolean", str(dtype), nullable)
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype):
        kind: Kind = "integer" if pd.api.types.is_integer_dtype(dtype) else "number"
        plain: Callable[[Any], float] = int if kind == "integer" else float
        low, high = (plain(values.min()), plain(values.max())) if len(values) else (None, None)
        return Column(name, kind, str(dtype), nullable, minimum=low, maximum=high)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Column(name, "instant" if "," in str(dtype) else "timestamp", str(dtype), nullable)
    # All the categories and in their order: the model's own codes follow it.
    texts = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else pd.unique(values)
    if not all(isinstance(text, str) for text in texts):
        raise ContractError(
            f"column {name!r} of the reference has dtype {dtype} with values that are not text, such as "
            f"{next(text for text in texts if not isinstance(text, str))!r}. "
            "Train on numbers, booleans, text or timestamps."
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return Column(name, "text", "category", nullable, tuple(texts), bool(dtype.ordered))
    categories = tuple(sorted(texts)) if len(texts) <= MAX_CATEGORIES else None
    return Column(name, "text", str(dtype), nullable, categories=categories)


def _series(values: pa.Array, column: Column) -> pd.Series:
    if column.dtype == "category":
        known = list(column.categories or ())
        codes = pc.fill_null(pc.index_in(values, pa.array(known, pa.string())), -1).to_numpy()
        return pd.Series(
            pd.Categorical.from_codes(codes, categories=pd.Index(known, dtype="str"), ordered=column.ordered)
        )
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if hasattr(dtype, "__from_arrow__"):
        return pd.Series(dtype.__from_arrow__(values))
    # Said first: pandas would take text for `str`, and None for NaN.
    first = dtype if dtype.kind == "O" else None
    return pd.Series(values.to_numpy(zero_copy_only=False), dtype=first).astype(dtype)
