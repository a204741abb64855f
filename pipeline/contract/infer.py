"""The contract of a model, read off the rows that it was trained on."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pandas as pd

from pipeline.contract.contract import Column, Contract, ContractError, Kind

# A text column with more distinct values than this is free text and not a set of categories.
MAX_CATEGORIES = 1000


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
    columns = [_column(reference[name]) for name in features]
    times = [column.name for column in columns if column.kind in ("timestamp", "instant")]
    for name in planned:
        if name not in times:
            raise ContractError(
                f"{name!r} is planned, and is no timestamp that the model takes. "
                f"Those are {', '.join(times) or 'none'}. Name one of them, or leave it out."
            )
    return Contract(tuple(replace(column, planned=column.name in planned) for column in columns))


def _column(series: pd.Series) -> Column:
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
    return _text_column(name, values, nullable)


def _text_column(name: str, values: pd.Series, nullable: bool) -> Column:
    dtype = values.dtype
    categorical = dtype if isinstance(dtype, pd.CategoricalDtype) else None
    # All the categories and in their order: the model's own codes follow it.
    texts = categorical.categories if categorical is not None else _distinct(values)
    if not all(isinstance(text, str) for text in texts):
        other = next(text for text in texts if not isinstance(text, str))
        remedy = (
            f'Make them text: frame[{name!r}].astype("str").astype("category") in training, CAST({name} AS text) in '
            "the query."
            if categorical is not None
            else "Train on numbers, booleans, text or timestamps."
        )
        raise ContractError(
            f"column {name!r} of the reference has dtype {dtype} with values that are not text, such as {other!r}. "
            f"{remedy}"
        )
    if categorical is not None:
        return Column(name, "text", "category", nullable, tuple(texts), bool(categorical.ordered))
    if len(texts) <= MAX_CATEGORIES:
        return Column(name, "text", str(dtype), nullable, categories=tuple(sorted(texts)))
    return Column(name, "text", str(dtype), nullable, longest=max(map(len, texts)))


def _distinct(values: pd.Series) -> Collection[Any]:
    try:
        return list(pd.unique(values))
    except TypeError:  # lists, which are no text and have no hash
        return list(values)
