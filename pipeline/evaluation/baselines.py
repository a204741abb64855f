"""Scores without a model: the rates of the training data, over all rows and by group."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.evaluation.metrics import LabelledScores
from pipeline.model import outcome_values, registry
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest, PinnedVersion

# Few rows say little of their group: so many rows of the common rate are added to each.
_ADDED_ROWS = 50


def baselines(pinned: PinnedVersion, labelled: LabelledScores, groups: pa.Table) -> dict[str, LabelledScores]:
    """The same entities as scored by the reference's rate, and by its rate in their group where there are groups.

    A regression's rate is the mean. None where the model was registered without its outcome.

    Args:
        pinned: the model that scored.
        labelled: the entities as it scored them.
        groups: for each of them its values in the job's slices, as text.

    Raises:
        ModelError: the reference is missing or altered.
    """
    manifest = pinned.manifest
    if manifest.outcome is None:
        return {}
    columns = groups.column_names
    table = pa.Table.from_pandas(
        pd.read_parquet(io.BytesIO(registry.reference(pinned)), columns=[*columns, manifest.outcome])
    ).combine_chunks()
    outcomes = outcome_values.read(
        table[manifest.outcome].combine_chunks(), manifest, "reference.parquet", pa.nulls(len(table))
    )
    has = ~np.isnan(outcomes)
    rates = _as_rows(outcomes[has], manifest)
    scored = {"base_rate": _scored(labelled, np.tile(rates.mean(axis=0), (len(labelled), 1)))}
    if columns:
        reference = table.select(columns).filter(pa.array(has))
        scored["group_rate"] = _scored(labelled, _by_group(rates, reference, groups))
    return scored


def _as_rows(outcomes: Floats, manifest: Manifest) -> Floats:
    """A column for each class, or one for the value."""
    if manifest.task == "regression":
        return outcomes.reshape(-1, 1)
    rows: Floats = np.eye(len(manifest.classes))[outcomes.astype(np.int64)]
    return rows


def _by_group(rates: Floats, reference: pa.Table, groups: pa.Table) -> Floats:
    common = rates.mean(axis=0)
    keys = _keys(reference)
    sums = pd.DataFrame(rates).groupby(keys, dropna=False).agg(["sum", "count"])
    by_key = {
        place: (sums[place]["sum"] + _ADDED_ROWS * rate) / (sums[place]["count"] + _ADDED_ROWS)
        for place, rate in enumerate(common)
    }
    wanted = _keys(groups)
    return np.stack([wanted.map(by_key[place]).fillna(rate) for place, rate in enumerate(common)], axis=1)


def _keys(groups: pa.Table) -> pd.Series:
    """One text for each combination of values."""
    texts = [pc.cast(groups[name], pa.string()) for name in groups.column_names]
    # No value holds what separates them: a text of Postgres has no NUL.
    joined = pc.binary_join_element_wise(*texts, "\0", null_handling="replace", null_replacement="\1")
    return pd.Series(joined.to_numpy(zero_copy_only=False))


def _scored(labelled: LabelledScores, rates: Floats) -> LabelledScores:
    if labelled.task == "regression":
        return replace(labelled, score=rates[:, 0])
    if labelled.task == "binary":
        return replace(labelled, score=rates[:, 1])
    return replace(labelled, score=rates.max(axis=1), class_scores=rates)


def skill(own: dict[str, float], other: dict[str, float]) -> float | None:
    """How much of a baseline's loss the model saves: 1 is all of it, 0 none, and below 0 the baseline is better."""
    loss = "rmse" if "rmse" in own else "log_loss"
    # The squared error is what a mean is best at.
    power = 2 if loss == "rmse" else 1
    return 1 - (own[loss] / other[loss]) ** power if other.get(loss) else None
