"""Golden rows: rows of the reference that every load of the model scores again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.contract.contract import Contract
from pipeline.errors import ScoringError
from pipeline.model.artifact import SHUT_IN, ModelError
from pipeline.model.loaded_model import Floats, Model
from pipeline.worker.failures import kind_of

# Golden rows must get their recorded scores; the last bits may differ from one processor to another.
GOLDEN_TOLERANCE = 1e-9


def check_golden_rows(model: Model) -> None:
    """Score the manifest's golden rows, and compare their scores with the recorded ones.

    Raises:
        ModelError: a row does not get its recorded score.
    """
    manifest = model.manifest
    remedy = (
        f"Its surroundings have changed: registered with {json.dumps(manifest.libraries)}. Install those, or register "
        "the model again."
    )
    recorded = np.asarray(manifest.golden_scores, dtype=np.float64)
    try:
        scores = golden_scores(model, manifest.golden_rows)
    except ScoringError:
        raise
    except Exception as error:  # the model's own code may raise anything
        raise ModelError(
            f"model {manifest.label} cannot score its golden rows: {kind_of(error)}: {error}. "
            f"{SHUT_IN if kind_of(error) == 'PermissionError' else remedy}"
        ) from error
    same = scores.shape == recorded.shape
    if not same or not np.allclose(scores, recorded, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE):
        raise ModelError(
            f"model {manifest.label} does not score its golden rows as it did when it was registered: got "
            f"{scores.tolist()}, recorded {recorded.tolist()}. {remedy}"
        )


def golden_scores(model: Model, rows: tuple[dict[str, Any], ...]) -> Floats:
    """Scores of golden rows: shape (rows,), or (rows, classes) for multiclass."""
    scores = model.score_batch(golden_batch(model.manifest.contract, rows))
    return scores.score if scores.classes is None else scores.classes


def golden_frame(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as the manifest keeps them, as the model takes them."""
    return contract.frame(golden_batch(contract, rows))


def golden_batch(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows as the manifest keeps them, as a part has them, without their entities."""
    schema = contract.schema.remove(0)
    columns = [
        # JSON has no timestamps: they are kept as text, which Arrow reads back exactly.
        pa.array([row[field.name] for row in rows], pa.string()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array([row[field.name] for row in rows], field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
