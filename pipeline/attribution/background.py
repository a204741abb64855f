"""The background: rows of a version's reference with which walks begin, one from each stretch of scores.

They are chosen once, when a version is registered, and stand in its manifest. Of a version from before that they are
chosen where they are needed, by the same rule.
"""

import hashlib
import io
import json

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.model import registry
from pipeline.model.golden import golden_batch
from pipeline.model.loaded_model import Floats, Model
from pipeline.model.manifest import PinnedVersion
from pipeline.store.parts import ROWS_PER_GROUP

# As many as there are pairs in the most orders that a job may ask for.
ROWS = 32


def places(scores: Floats, number: int = ROWS) -> npt.NDArray[np.int64]:
    """Which rows to take: the reference in the order of its scores, cut into stretches alike, the middle row of each.

    Args:
        scores: of the reference, row by row.
        number: how many rows.
    """
    in_order = np.argsort(scores, kind="stable")
    chosen: npt.NDArray[np.int64] = in_order[_middles(len(scores), min(number, len(scores)))]
    return chosen


def load(pinned: PinnedVersion, model: Model) -> pa.RecordBatch:
    """The background of a version, in the order of scores.

    Args:
        pinned: the version.
        model: the same, loaded.

    Raises:
        ModelError: its reference is missing or altered, or cannot be scored.
    """
    manifest = pinned.manifest
    if manifest.background:
        return golden_batch(manifest.contract, manifest.background)
    rows = reference(pinned)
    return rows.take(pa.array(places(_scores(model, rows))))


def reference(pinned: PinnedVersion) -> pa.RecordBatch:
    """The model's columns of a version's reference, as a part has them.

    Raises:
        ModelError: it is missing or altered.
    """
    schema = pinned.manifest.contract.schema.remove(0)
    frame = pd.read_parquet(io.BytesIO(registry.reference(pinned)))
    frame = frame.set_axis(frame.columns.map(str), axis="columns")[schema.names]
    return pa.RecordBatch.from_pandas(frame, schema, preserve_index=False)


def evenly(rows: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """So many of the rows, spread evenly over them; some come more than once where there are fewer."""
    return rows.take(pa.array(_middles(rows.num_rows, number)))


def digest(rows: pa.RecordBatch) -> str:
    """SHA-256 of the rows' values."""
    text = json.dumps(rows.to_pylist(), default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _middles(rows: int, number: int) -> npt.NDArray[np.int64]:
    """The middle of each of so many stretches of rows."""
    return ((2 * np.arange(number, dtype=np.int64) + 1) * rows) // (2 * number)


def _scores(model: Model, rows: pa.RecordBatch) -> Floats:
    batches = (rows.slice(first, ROWS_PER_GROUP) for first in range(0, rows.num_rows, ROWS_PER_GROUP))
    return np.concatenate([model.score_batch(batch).score for batch in batches])
