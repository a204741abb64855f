"""The columns of an export: those of the view, one a slice and one a class."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ScoringError

BEFORE = [("job", pa.string()), ("score_date", pa.date32()), ("entity_id", pa.string()), ("score", pa.float64()),
           ("label", pa.string())]  # fmt: skip
AFTER = [("model_version", pa.int32()), ("run_id", pa.int64()), ("scored_at", pa.timestamp("us", tz="UTC")),
          ("served_by", pa.string()), ("staleness_days", pa.int32())]  # fmt: skip


class ExportError(ScoringError):
    """Predictions that cannot be exported."""


def schema(slices: Sequence[str], classes: Sequence[str]) -> pa.Schema:
    """The columns: a slice or class whose name another column has gets an underscore more."""
    taken = {name for name, _ in (*BEFORE, *AFTER)}
    named = []
    for name, kind in [*((name, pa.string()) for name in slices),
                       *((f"probability_{name}", pa.float64()) for name in classes)]:  # fmt: skip
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        named.append((name, kind))
    return pa.schema([*BEFORE, *named, *AFTER])


def probabilities(run: Mapping[str, Any], scores: pa.Array, classes: Sequence[str]) -> list[pa.Array]:
    """One column a class; null where the run's model has not the class."""
    own = run["classes"] or ()
    if not own and scores.null_count < len(scores):
        raise ExportError(
            f"run {run['run_id']} of {run['score_date']} has probabilities of classes without a name. "
            "Enter the names of registered models: scoring migrate"
        )
    return [
        pc.list_element(scores, own.index(name)) if name in own else pa.nulls(len(scores), pa.float64())
        for name in classes
    ]
