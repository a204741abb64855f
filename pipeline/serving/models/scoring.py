"""One batch of many requests' rows: each gets its score, or the reason why the model gave it none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.contract.contract import ENTITY
from pipeline.isolation.forkers import WorkerError
from pipeline.model import failing
from pipeline.model.failing import COLUMN, RULE, Failure, Tolerance
from pipeline.model.loaded_model import Model
from pipeline.model.scoring import PredictError, ScoredBatch, tolerate

# Of one row: what the model gave it, by the names of `predictions`; or the rules that it broke.
Line = dict[str, Any]

_NO_SCORE = "the model gave no usable score"


def score(model: Model, batch: pa.RecordBatch, *, keep_values: bool) -> list[Line]:
    """Score rows; one on which the model fails harms its own answer alone.

    Args:
        model: the model.
        batch: rows that the contract accepts.
        keep_values: whether the text of what the model raised is shown, which may hold values.

    Raises:
        WorkerError: the model's process has ended, or does not answer.
        MemoryError: there is too little of it.
        ScoringError: the model's answers are none that a run could use.
    """
    try:
        return _lines(tolerate(model, batch, Tolerance(batch.num_rows)), batch, keep_values)
    except WorkerError:
        raise
    except PredictError as error:
        if batch.num_rows == 1:
            return [_rejected(_NO_SCORE)]
        failures = list(failing.find(model, batch, error))
    if not failures:  # taken together alone: each by itself
        singles = (batch.slice(number, 1) for number in range(batch.num_rows))
        return [line for single in singles for line in score(model, single, keep_values=keep_values)]
    # Some rows got a score that is no number; a run would stop there.
    good = np.ones(batch.num_rows, bool)
    good[[failure.place for failure in failures]] = False
    rest = batch.filter(pa.array(good))
    scored = iter(score(model, rest, keep_values=keep_values) if rest.num_rows else [])
    failed = {failure.place: _failed(failure, keep_values) for failure in failures}
    return [failed.get(number) or next(scored) for number in range(batch.num_rows)]


def _lines(scored: ScoredBatch, batch: pa.RecordBatch, keep_values: bool) -> list[Line]:
    failed = {failure.place: _failed(failure, keep_values) for failure in scored.failures}
    rows = iter(scored.scores.drop_columns([ENTITY]).to_pylist())
    return [failed.get(number) or next(rows) for number in range(batch.num_rows)]


def _failed(failure: Failure, keep_values: bool) -> Line:
    if failure.output:
        return _rejected(_NO_SCORE)
    [line] = failing.reasons([failure], 0, keep_values=keep_values).to_pylist()
    return _rejected(line["value"])


def _rejected(value: str) -> Line:
    return {"rejected": [{"column_name": COLUMN, "rule": RULE, "value": value}]}


def together(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of several requests as one batch."""
    if len(batches) == 1:
        return batches[0]
    [batch] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch
