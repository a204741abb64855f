"""A loaded model scores the batches of a part: one finite score a row, or an error that names the rows."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.contract.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.model.loaded_model import Model, ScoreError
from pipeline.model.manifest import Manifest
from pipeline.runtime import resources
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA

# How many failing rows a message names.
NAMED = 5


class PredictError(ScoringError):
    """Rows that the model could not score."""


def scores_of(store: str, path: str, part: parts.FileDigest, loaded: Model) -> Iterator[pa.RecordBatch]:
    """Score a part's rows in the batches in which they are always read: on their size a score's last bits may depend.

    Raises:
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    for _, scores in scored_batches(store, path, part, loaded):
        yield scores


def scored_batches(
    store: str, path: str, part: parts.FileDigest, loaded: Model
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """A part's batches in their order, each with its scores."""
    batches = (batch for batch in parts.read(store, path, part) if batch.num_rows)
    threads = scoring_threads(loaded.manifest)
    return resources.in_order(lambda batch: (batch, score_batch(loaded, batch)), batches, threads)


def scoring_threads(manifest: Manifest) -> int:
    """How many threads score the batches of a part at once."""
    return resources.share() if manifest.concurrent else 1


def score_batch(loaded: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Score a batch of a part: one row of schema `SCORE_SCHEMA` for each of its rows.

    Raises:
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    entities = batch.column(ENTITY)
    try:
        scores = loaded.score(loaded.manifest.contract.frame(batch))
    except ScoreError as error:
        names = ", ".join(entities.take(pa.array(error.rows)).to_pylist())
        private = [*error.private, names]
        raise PredictError(f"{error} The first rows are: {names}.", private=private) from error
    except (ScoringError, MemoryError):
        raise
    except Exception as error:  # the model's own code may raise anything
        culprits = _failing_rows(loaded, batch)
        raise PredictError(
            f"model {loaded.manifest.label} failed on rows {culprits}: "
            f"{type(error).__name__}: {error}. Correct them in the warehouse, leave them out in the query, or train a "
            "model that takes them.",
            private=[culprits, str(error)],
        ) from error
    labels, classes = (
        _label_column(loaded, scores.label, len(entities)),
        _class_column(scores.classes, len(entities)),
    )
    return pa.RecordBatch.from_arrays(
        [entities, pa.array(scores.score), labels, classes], schema=SCORE_SCHEMA
    )


def _failing_rows(loaded: Model, batch: pa.RecordBatch) -> str:
    """The rows that the model fails on, by the names of their entities, as far as a person needs them."""
    failing = list(islice(_failing_entities(loaded, batch), NAMED + 1))
    if not failing:
        entities = batch.column(ENTITY)
        return f"{entities[0]} to {entities[-1]} taken together"
    return f"{', '.join(failing[:NAMED])}{' and more' if len(failing) > NAMED else ''}"


def _failing_entities(loaded: Model, batch: pa.RecordBatch) -> Iterator[str]:
    """Halve a batch until what fails is one row: for one bad row in n that takes twice the batch's own time."""
    try:
        loaded.score(loaded.manifest.contract.frame(batch))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever made the model fail before
        if batch.num_rows == 1:
            yield batch.column(ENTITY)[0].as_py()
        else:
            half = batch.num_rows // 2
            yield from _failing_entities(loaded, batch.slice(0, half))
            yield from _failing_entities(loaded, batch.slice(half))


def _label_column(loaded: Model, indices: npt.NDArray[np.int64] | None, rows: int) -> pa.Array:
    if indices is None:
        return pa.nulls(rows, pa.string())
    return pa.array(loaded.manifest.classes, pa.string()).take(pa.array(indices))


def _class_column(classes: npt.NDArray[np.float64] | None, rows: int) -> pa.Array:
    if classes is None:
        return pa.nulls(rows, SCORE_SCHEMA.field("class_scores").type)
    offsets = pa.array(np.arange(0, classes.size + 1, classes.shape[1], dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(classes.ravel()))
