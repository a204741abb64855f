"""What one row costs: some are checked, scored and stored in memory.

Where no model may be loaded, other scores stand in for its own, and the pace of the job's last run, or else of the
model's registration, for the time that it takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements
from pipeline.model.manifest import Manifest
from pipeline.model.scoring import scoring_threads
from pipeline.runtime.clock import Clock, processor_seconds
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("extraction/row_cost")

# A batch as the run scores them, unless that would take longer than so many seconds.
SAMPLE_ROWS = 5_000
FEW_ROWS = 1_000
_LONG = 5.0

# What the job's last run has measured.
_PACE = "predict_rows_per_second"
_PEAK = "predict_peak_mb"


@dataclass(frozen=True)
class RowCost:
    """What one row costs, measured on some.

    Attributes:
        check_seconds: of one processor to check and store it.
        score_seconds: of one processor to score it and store its score.
        input_bytes: in its part.
        scored_bytes: in its scored part.
        held_mb: the most memory that this process has held once the sample is scored.
        batch_mb: what of it came with scoring the sample.
    """

    check_seconds: float
    score_seconds: float
    input_bytes: float
    scored_bytes: float
    held_mb: float
    batch_mb: float


def measure(
    score: Callable[[pa.RecordBatch], pa.RecordBatch], checker: Checker, batch: pa.RecordBatch
) -> RowCost:
    """Check, store and score the first rows of a batch, in memory.

    What comes but once is done before, on a few of them. Seconds are of the processor, for those of the clock say how
    busy the machine is at this moment.

    Args:
        score: scores rows that the contract accepts.
        checker: checks rows against the contract.
        batch: the rows.

    Raises:
        PredictError: the model fails on them.
    """
    few = _measure(score, checker, batch.slice(0, FEW_ROWS))
    quick = few.score_seconds * parts.ROWS_PER_GROUP < _LONG
    return _measure(score, checker, batch.slice(0, parts.ROWS_PER_GROUP if quick else SAMPLE_ROWS))


def _measure(
    score: Callable[[pa.RecordBatch], pa.RecordBatch], checker: Checker, rows: pa.RecordBatch
) -> RowCost:
    began, held = processor_seconds(), Clock().cost().peak_mb
    accepted = replace(checker).check(rows).accepted  # its counts are its own
    features, scored = parts.PartWriter(checker.contract.schema), parts.PartWriter(SCORE_SCHEMA)
    features.write(accepted)
    input_bytes = features.close()
    checked = processor_seconds()
    if len(accepted):
        scored.write(score(accepted))
    scored_bytes = scored.close()
    share, peak = max(1, len(rows)), Clock().cost().peak_mb
    return RowCost(
        check_seconds=(checked - began) / share,
        score_seconds=(processor_seconds() - checked) / share,
        input_bytes=input_bytes / share,
        scored_bytes=scored_bytes / share,
        held_mb=peak,
        batch_mb=peak - held,
    )


def stand_in(manifest: Manifest, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Scores of the size that a model's would have, for rows that no model has scored; none compress worse."""
    random, count = np.random.default_rng(0), len(manifest.classes)
    scores, labels, classes = random.random(len(rows)), pa.nulls(len(rows), pa.string()), None
    if count:
        labels = pa.array(random.choice(manifest.classes, len(rows)), pa.string())
    if count > 2:
        classes = list(random.random((len(rows), count)))
    lists = pa.array(classes or [None] * len(rows), SCORE_SCHEMA.field("class_scores").type)
    return pa.RecordBatch.from_arrays(
        [rows.column(ENTITY), pa.array(scores), labels, lists], schema=SCORE_SCHEMA
    )


def with_last_pace(database_url: str, job: str, manifest: Manifest, cost: RowCost) -> RowCost:
    """The cost of rows that no model has scored, with what scoring took in the last run, or else at registration."""
    values = {"job": job, "name": manifest.name, "version": manifest.version}
    with postgres.engine(database_url).connect() as connection:
        last = {row.metric: row.value for row in connection.execute(sa.text(_SQL["last_pace"]), values)}
    paced = scoring_threads(manifest) / last[_PACE] if last.get(_PACE) else manifest.score_seconds
    return replace(
        cost,
        score_seconds=cost.score_seconds + paced,
        held_mb=max(cost.held_mb, last.get(_PEAK, 0.0)),
    )
