"""The contract of a model: the columns that it was trained on, as they were in training.

It is inferred once, from the data that the model was trained on, and kept in the model's manifest.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ScoringError

ENTITY = "entity_id"

# A text column with more distinct values than this is free text and not a set of categories.
MAX_CATEGORIES = 1000

# A free text is too long when it has more than so many times the characters of the longest text of training.
TOO_MANY_TIMES = 10

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
        accepts_missing: whether the model can score a null where training saw none.
        longest: free text only: the characters of the longest text that training saw.
        earliest: timestamps and instants only: the first that training saw, as ISO text, instants in UTC.
        planned: timestamps and instants only: whether they are known in advance, such as a departure by the timetable.
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
    accepts_missing: bool = False
    longest: int | None = None
    earliest: str | None = None
    planned: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that a value of the column can break."""
        time = self.kind in ("timestamp", "instant")
        known = {
            "type": True,
            "null": True,
            # A nanosecond knows no infinity: it has no exact form there.
            "finite": self.kind == "number" or (time and self.arrow.unit == "us"),
            "unknown_category": self.categories is not None,
            "out_of_range": self.minimum is not None or self.earliest is not None,
            "too_long": self.longest is not None,
            "future": time and not self.planned,
        }
        return tuple(rule for rule, applies in known.items() if applies)

    @property
    def takes_missing(self) -> bool:
        """Whether the model can score a null."""
        return self.nullable or self.accepts_missing

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which parts keep the column."""
        if self.kind == "text":
            return pa.string()
        if self.kind in ("timestamp", "instant"):
            # Of training's own unit, so that what it cannot keep is seen before the model gets it: nanoseconds reach
            # from 1677 to 2262 only, and milliseconds lose the microseconds of a database. Parquet has no seconds.
            unit = self.dtype.partition("[")[2][:2]
            return pa.timestamp(
                unit if unit in ("ns", "us") else "ms", "UTC" if self.kind == "instant" else None
            )
        if self.kind == "boolean":
            return pa.bool_()
        return pa.from_numpy_dtype(self.dtype.lower())


@dataclass(frozen=True)
class Contract:
    """The columns that a model takes, in the order in which it was trained on them."""

    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a part."""
        return pa.schema([(ENTITY, pa.string()), *((column.name, column.arrow) for column in self.columns)])

    def only(self, name: str) -> "Contract":
        """The contract of one column alone."""
        return Contract(tuple(column for column in self.columns if column.name == name))

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """The features of a part's batch just as training saw them: same names, order, dtypes and missing values."""
        return pd.DataFrame(
            {column.name: _series(batch.column(column.name), column) for column in self.columns}
        )


def infer(reference: pd.DataFrame, features: list[str], planned: Collection[str] = ()) -> Contract:
    """Read the contract off the data that a model was trained on.

    Args:
        reference: training rows, in the dtypes in which the model was trained.
        features: the columns that the model takes, in the trained order.
        planned: those whose timestamps are known in advance and may lie in the future.

    Raises:
        ContractError: a feature is missing from the reference, or of a kind that no model takes; or a planned one is no
            timestamp.
    """
    missing = [name for name in features if name not in reference.columns]
    if missing:
        raise ContractError(
            f"the reference has no column {missing[0]!r}, which the model takes. "
            f"It has {', '.join(map(str, reference.columns))}. Write the reference with every feature."
        )
    columns = [_infer(reference[name]) for name in features]
    times = [column.name for column in columns if column.kind in ("timestamp", "instant")]
    for name in planned:
        if name not in times:
            raise ContractError(
                f"{name!r} is planned, and is no timestamp that the model takes. "
                f"Those are {', '.join(times) or 'none'}. Name one of them, or leave it out."
            )
    return Contract(tuple(replace(column, planned=column.name in planned) for column in columns))


def _infer(series: pd.Series) -> Column:
    name, dtype, values = str(series.name), series.dtype, series.dropna()
    if isinstance(dtype, pd.ArrowDtype) or dtype == "float16":
        raise ContractError(
            f"column {name!r} of the reference has dtype {dtype}, which no part can keep. "
            "Train on a dtype of NumPy or pandas, such as float64, Int64 or category."
        )
    nullable = len(values) < len(series)
    # Booleans with gaps are objects in pandas.
    if pd.api.types.is_bool_dtype(dtype) or (
        dtype == "object" and pd.api.types.is_bool_dtype(values.infer_objects())
    ):
        return Column(name, "boolean", str(dtype), nullable)
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype):
        kind: Kind = "integer" if pd.api.types.is_integer_dtype(dtype) else "number"
        plain: Callable[[Any], float] = int if kind == "integer" else float
        low, high = (plain(values.min()), plain(values.max())) if len(values) else (None, None)
        return Column(name, kind, str(dtype), nullable, minimum=low, maximum=high)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        kind = "instant" if "," in str(dtype) else "timestamp"
        first = values.min().tz_convert("UTC") if kind == "instant" and len(values) else values.min()
        return Column(name, kind, str(dtype), nullable, earliest=first.isoformat() if len(values) else None)
    # All the categories and in their order: the model's own codes follow it.
    texts = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else _distinct(values)
    if not all(isinstance(text, str) for text in texts):
        other = next(text for text in texts if not isinstance(text, str))
        remedy = (
            f'Make them text: frame[{name!r}].astype("str").astype("category") in training, CAST({name} AS text) in '
            "the query."
            if isinstance(dtype, pd.CategoricalDtype)
            else "Train on numbers, booleans, text or timestamps."
        )
        raise ContractError(
            f"column {name!r} of the reference has dtype {dtype} with values that are not text, such as {other!r}. "
            f"{remedy}"
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return Column(name, "text", "category", nullable, tuple(texts), bool(dtype.ordered))
    if len(texts) <= MAX_CATEGORIES:
        return Column(name, "text", str(dtype), nullable, categories=tuple(sorted(texts)))
    return Column(name, "text", str(dtype), nullable, longest=max(map(len, texts)))


def _distinct(values: pd.Series) -> Collection[Any]:
    try:
        return list(pd.unique(values))
    except TypeError:  # lists, which are no text and have no hash
        return list(values)


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
    if dtype.kind == "b" and values.null_count:  # NumPy would take a null for False
        raise ContractError(
            f"column {column.name!r}: {values.null_count} nulls, and {column.dtype} has none."
        )
    # Said first: pandas would take text for `str`, and None for NaN.
    first = dtype if dtype.kind == "O" else None
    return pd.Series(values.to_numpy(zero_copy_only=False), dtype=first).astype(dtype)
