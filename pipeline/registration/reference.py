"""The reference: a sample of the training rows, in the dtypes in which the model was trained."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.attribution import background
from pipeline.contract.contract import Column, Contract, ContractError
from pipeline.errors import UsageError
from pipeline.model import outcome_values
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest

GOLDEN_ROWS = 8


def sample(content: bytes, path: Path) -> pd.DataFrame:
    """The rows of the reference's file, of which there is one at least.

    Raises:
        UsageError, ContractError: as for `read_rows`.
        ModelError: it has no rows.
    """
    rows = read_rows(content, path)
    if rows.empty:
        raise ModelError(f"{path}: no rows. Take a sample of the training rows.")
    return rows


def read_rows(content: bytes, path: Path) -> pd.DataFrame:
    """The rows of a Parquet file, in the dtypes with which they were written.

    Args:
        content: the file's bytes.
        path: the file, for error messages.

    Raises:
        UsageError: it is no Parquet file.
        ContractError: a column's dtype is lost.
    """
    try:
        rows = pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
        schema = pq.read_schema(io.BytesIO(content))
    except pa.ArrowException as error:
        raise UsageError(f"{path} is no Parquet file: {error} Write it with DataFrame.to_parquet.") from error
    return _as_trained(rows.set_axis(rows.columns.map(str), axis="columns"), schema, path)


def _as_trained(rows: pd.DataFrame, schema: pa.Schema, path: Path) -> pd.DataFrame:
    """The rows in the dtypes that they were written with, where Parquet gives back others."""
    for column in (schema.pandas_metadata or {}).get("columns", ()):
        name, written, pandas_type = str(column["name"]), str(column["numpy_type"]), column["pandas_type"]
        if name not in rows.columns:
            continue
        if written == "object" and pandas_type in ("bool", "empty") and rows[name].isna().all():
            raise ContractError(
                f"{path}: column {name!r} has no value in any row, so its kind is unknown. "
                "Write a reference with rows that have one, or train without the column."
            )
        if written == "object" and pandas_type == "unicode":
            rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
        elif pandas_type == "categorical" and not isinstance(rows[name].dtype, pd.CategoricalDtype):
            raise ContractError(
                f"{path}: column {name!r} was a category of {rows[name].dtype}, which a Parquet file does not "
                f'keep. Make it text: frame[{name!r}].astype("str").astype("category") in training, CAST({name} AS '
                "text) in the query."
            )
    return rows


def window(rows: pd.DataFrame, column: str | None) -> tuple[date, date] | None:
    """First and last day of a column; None where it is not there or holds no day."""
    days = pd.to_datetime(rows[column]).dropna() if column in rows.columns else pd.Series()
    return (days.min().date(), days.max().date()) if len(days) else None


def require_outcomes(rows: pd.DataFrame, manifest: Manifest, path: Path) -> None:
    """Refuse a reference whose outcomes the model cannot have meant: no day of such a version could be evaluated.

    Raises:
        ModelError: an outcome is no class of the model, or no number.
    """
    if manifest.outcome is None:
        return
    values = pa.array(rows[manifest.outcome], from_pandas=True)
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if labels := outcome_values.foreign(array, manifest):
        meant = (
            f"its classes are {', '.join(manifest.classes)}" if manifest.classes else "it predicts numbers"
        )
        raise ModelError(
            f"{path}: the outcome {manifest.outcome!r} has {', '.join(labels)}, which the model cannot mean: {meant}. "
            "Write the outcome as the model was trained on it. Of a file that has no labels, name them as the outcome "
            "spells them, with --class."
        )


def golden_rows(rows: pd.DataFrame, contract: Contract) -> tuple[dict[str, Any], ...]:
    """A few rows spread over the reference, with the model's columns, as JSON keeps them."""
    return _as_json(rows.iloc[np.unique(np.linspace(0, len(rows) - 1, GOLDEN_ROWS).astype(int))], contract)


def with_background(model: Model, rows: pd.DataFrame) -> Manifest:
    """A model's manifest, with the rows of its reference with which reasons of its scores begin."""
    contract = model.manifest.contract
    scores = model.score(rows[[column.name for column in contract.columns]]).score
    chosen = rows.iloc[background.places(scores)]
    return model.manifest.model_copy(update={"background": _as_json(chosen, contract)})


def _as_json(rows: pd.DataFrame, contract: Contract) -> tuple[dict[str, Any], ...]:
    """Rows with the model's columns, as JSON keeps them."""
    return tuple(
        {column.name: _json(rows[column.name].iloc[place], column) for column in contract.columns}
        for place in range(len(rows))
    )


def _json(value: Any, column: Column) -> Any:
    # JSON has no infinity, and no run has one: the checker makes it null.
    if pd.isna(value) or (column.kind == "number" and np.isinf(value)):
        return None
    if column.kind in ("timestamp", "instant"):
        return pd.Timestamp(value).isoformat()
    plain = {"integer": int, "number": float, "boolean": bool}.get(column.kind, str)
    return plain(value)
