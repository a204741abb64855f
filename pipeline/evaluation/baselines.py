"""What anybody could have said without a model: the rates of training, over all and by group."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.evaluation import ground_truth
from pipeline.evaluation.metrics import Judged
from pipeline.model import registry
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest, PinnedVersion

# Few rows say little of their group: so many rows of the common rate are added to each.
_ADDED_ROWS = 50


def baselines(pinned: PinnedVersion, judged: Judged, groups: pa.Table) -> dict[str, Judged]:
    """The same entities as scored by the reference's rate, and by its rate in their group where there are groups.

    A regression's rate is the mean. None where the model was registered without its outcome.

    Args:
        pinned: the model that scored.
        judged: the entities as it scored them.
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
    known = ground_truth.actual(
        table[manifest.outcome].combine_chunks(), manifest, "reference.parquet", pa.nulls(len(table))
    )
    has = ~np.isnan(known)
    said = _as_rows(known[has], manifest)
    found = {"base_rate": _scored(judged, np.tile(said.mean(axis=0), (len(judged), 1)))}
    if columns:
        reference = table.select(columns).filter(pa.array(has))
        found["group_rate"] = _scored(judged, _by_group(said, reference, groups))
    return found


def _as_rows(known: Floats, manifest: Manifest) -> Floats:
    """A column for each class, or one for the value."""
    if manifest.task == "regression":
        return known.reshape(-1, 1)
    rows: Floats = np.eye(len(manifest.classes))[known.astype(np.int64)]
    return rows


def _by_group(said: Floats, reference: pa.Table, groups: pa.Table) -> Floats:
    common = said.mean(axis=0)
    keys = _keys(reference)
    sums = pd.DataFrame(said).groupby(keys, dropna=False).agg(["sum", "count"])
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


def _scored(judged: Judged, said: Floats) -> Judged:
    if judged.task == "regression":
        return replace(judged, score=said[:, 0])
    if judged.task == "binary":
        return replace(judged, score=said[:, 1])
    return replace(judged, score=said.max(axis=1), classes=said)


def skill(own: dict[str, float], other: dict[str, float]) -> float | None:
    """How much of a baseline's loss the model saves: 1 is all of it, 0 none, and below 0 the baseline is better."""
    loss = "rmse" if "rmse" in own else "log_loss"
    # The squared error is what a mean is best at.
    power = 2 if loss == "rmse" else 1
    return 1 - (own[loss] / other[loss]) ** power if other.get(loss) else None
