"""A loaded model scores the batches of a part: one finite score a row, or an error that names the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.model import failing
from pipeline.model.failing import Failure, Tolerance
from pipeline.model.loaded_model import Model, ScoreError
from pipeline.model.manifest import Manifest
from pipeline.plain_text import visible
from pipeline.runtime import resources
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA
from pipeline.worker.failures import kind_of

# How many failing rows a message names.
NAMED = 5


class PredictError(ScoringError):
    """Rows that the model could not score."""


@dataclass(frozen=True)
class ScoredBatch:
    """A batch of a part, scored.

    Attributes:
        rows: the rows that got a score.
        scores: theirs, of schema `SCORE_SCHEMA`.
        failures: the rows on which the model itself raised, where the job has them rejected.
    """

    rows: pa.RecordBatch
    scores: pa.RecordBatch
    failures: Sequence[Failure] = ()

    def of(self, entity: str) -> pa.Table:
        """The scores of one entity."""
        return pa.Table.from_batches([self.scores.filter(pc.equal(self.scores.column(ENTITY), entity))])


def scores_of(
    store: str, path: str, part: parts.FileDigest, loaded: Model, tolerance: Tolerance | None = None
) -> Iterator[pa.RecordBatch]:
    """Score a part's rows in the batches in which they are always read: on their size a score's last bits may depend.

    Raises:
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    for scored in scored_batches(store, path, part, loaded, tolerance):
        yield scored.scores


def scored_batches(
    store: str, path: str, part: parts.FileDigest, loaded: Model, tolerance: Tolerance | None = None
) -> Iterator[ScoredBatch]:
    """A part's batches in their order, each with its scores.

    Args:
        store: where runs keep their parts.
        path: the part's file below the store.
        part: the part as it was written.
        loaded: the model.
        tolerance: on how many rows of the part the model may fail; on none where it is None.

    Raises:
        PartError: the part is missing or altered.
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    batches = (batch for batch in parts.read(store, path, part) if batch.num_rows)
    threads, failed = scoring_threads(loaded.manifest), list[Failure]()
    for scored in resources.in_order(lambda batch: tolerate(loaded, batch, tolerance), batches, threads):
        failed += scored.failures
        if tolerance:
            _require_few(loaded, failed, tolerance)
        yield scored


def scoring_threads(manifest: Manifest) -> int:
    """How many threads score the batches of a part at once."""
    return resources.share() if manifest.concurrent else 1


def score_batch(loaded: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Score a batch of a part: one row of schema `SCORE_SCHEMA` for each of its rows.

    Raises:
        PredictError: the model failed, or gave rows no finite score; the rows are named.
    """
    return tolerate(loaded, batch, None).scores


def tolerate(loaded: Model, batch: pa.RecordBatch, tolerance: Tolerance | None) -> ScoredBatch:
    """Score a batch of a part without the rows on which the model itself raises, as if they had never been in it.

    Raises:
        PredictError: the model failed on more rows than are tolerated, or gave rows no finite score.
    """
    try:
        return ScoredBatch(batch, score_once(loaded, batch))
    except (ScoringError, MemoryError):
        raise
    except Exception as error:  # the model's own code may raise anything
        if tolerance is None:
            raise _refusal(loaded, _failing_rows(loaded, batch, error), error) from error
        failures = list(islice(failing.find(loaded, batch, error), tolerance.rows + 1))
        if not failures:
            raise _refusal(loaded, _together(batch), error) from error
        try:
            _require_few(loaded, failures, tolerance)
        except PredictError as refusal:
            raise refusal from error
    good = np.ones(batch.num_rows, bool)
    good[[failure.place for failure in failures]] = False
    rows = batch.filter(pa.array(good))
    # In one call again: so the others' scores are those that a batch without the failing rows gets.
    scores = score_batch(loaded, rows) if rows.num_rows else pa.RecordBatch.from_pylist([], SCORE_SCHEMA)
    return ScoredBatch(rows, scores, failures)


def score_once(loaded: Model, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Score a batch in one call, as `score_batch` does; what the model's own code raises is not looked into.

    Raises:
        PredictError: the model gave rows no finite score; the rows are named.
    """
    entities = batch.column(ENTITY)
    try:
        scores = loaded.score_batch(batch)
    except ScoreError as error:
        names = ", ".join(entities.take(pa.array(error.rows)).to_pylist())
        text = f"{error} The first rows are: {names}."
        raise PredictError(text, private=[*error.private, names]) from error
    labels = _label_column(loaded, scores.label, len(entities))
    classes = _class_column(scores.classes, len(entities))
    columns = [entities, pa.array(scores.score), labels, classes]
    return pa.RecordBatch.from_arrays(columns, schema=SCORE_SCHEMA)


def _refusal(loaded: Model, culprits: str, error: Exception) -> PredictError:
    kind, text = visible(kind_of(error)), failing.text_of(error)
    return PredictError(
        f"model {loaded.manifest.label} failed on rows {culprits}: {kind}: {text}. Correct "
        "them in the warehouse, leave them out in the query, train a model that takes them, or have such rows "
        'rejected: contract.model_error = "reject".',
        private=[culprits, text],
    )


def _require_few(loaded: Model, failures: Sequence[Failure], tolerance: Tolerance) -> None:
    """Go on where all that failed are rows on which the model raised, and not too many of them."""
    output = next((failure for failure in failures if failure.output), None)
    if output:
        row, text = output.entity, output.text
        raise PredictError(f"{text} The row is: {row}.", private=[row, text])
    if len(failures) > tolerance.rows:
        first, names = failures[0], ", ".join(failure.entity for failure in failures[:NAMED])
        raise PredictError(
            f"model {loaded.manifest.label} failed on more than {tolerance.rows} rows of a part, and no more are "
            f"rejected (gate.max_rejected_fraction, and {failing.MOST_ROWS} at most), the first {names}: {first.kind}: "
            f"{first.text}. Rejecting rows was given up. Train a model that takes them, or correct the rows; if so "
            "many bad rows are usual, raise gate.max_rejected_fraction.",
            private=[names, first.text],
        )


def _failing_rows(loaded: Model, batch: pa.RecordBatch, error: Exception) -> str:
    """The rows that the model fails on, by the names of their entities, as far as a person needs them."""
    failures = failing.find(loaded, batch, error)
    entities = [failure.entity for failure in islice(failures, NAMED + 1)]
    if not entities:
        return _together(batch)
    return f"{', '.join(entities[:NAMED])}{' and more' if len(entities) > NAMED else ''}"


def _together(batch: pa.RecordBatch) -> str:
    return f"{batch.column(ENTITY)[0]} to {batch.column(ENTITY)[-1]} taken together"


def _label_column(loaded: Model, indices: npt.NDArray[np.int64] | None, rows: int) -> pa.Array:
    if indices is None:
        return pa.nulls(rows, pa.string())
    return pa.array(loaded.manifest.classes, pa.string()).take(pa.array(indices))


def _class_column(classes: npt.NDArray[np.float64] | None, rows: int) -> pa.Array:
    if classes is None:
        return pa.nulls(rows, SCORE_SCHEMA.field("class_scores").type)
    offsets = pa.array(np.arange(0, classes.size + 1, classes.shape[1], dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(classes.ravel()))
