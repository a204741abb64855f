"""What a night will take, said before it is taken: rows, seconds, memory and room in the store.

The rows come from the planner of Postgres, or from counting where there is no such plan; the rest from a sample that is
checked, scored and stored in memory. Where no model may be loaded, other scores stand in for its own, and the pace of
the job's last run, or else of the model's registration, for the time that it takes.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from fsspec.implementations.local import LocalFileSystem

from pipeline.config.sections import ExtractSection
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, warehouse
from pipeline.databases.queries import BATCH_BYTES, Values
from pipeline.errors import ScoringError
from pipeline.model.manifest import Manifest
from pipeline.model.scoring import scoring_threads
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.store import files, layout, parts
from pipeline.store.schemas import SCORE_SCHEMA

log = logging.getLogger(__name__)

# A batch as the night scores them, unless that would take longer than so many seconds.
SAMPLE_ROWS, FEW_ROWS = 5_000, 1_000
_LONG = 5.0

# What a sample in memory cannot show: reading 18 columns and loading the scores, measured by `make bench`.
_DATABASE_SECONDS_PER_ROW = 2.6e-6


class ForecastError(ScoringError):
    """A night that would not fit into the store or the memory."""


@dataclass(frozen=True)
class Forecast:
    """What a night is expected to take.

    Attributes:
        rows: rows of the query.
        parts: parts that they are cut into.
        seconds: of extract, predict and write on this machine, when nothing else runs on it.
        peak_mb: the most memory that one task holds.
        store_mb: size of all the files.
    """

    rows: int
    parts: int
    seconds: float
    peak_mb: float
    store_mb: float

    def metrics(self) -> dict[str, float]:
        """The forecast as named numbers, to stand beside the real ones."""
        return {f"forecast_{name}": float(value) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        return (
            f"about {self.rows:,} rows in {self.parts} parts: {self.seconds:,.0f} s, {self.peak_mb:,.0f} MB of memory, "
            f"{self.store_mb:,.1f} MB in the store"
        )


@dataclass(frozen=True)
class Sample:
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
) -> Sample:
    """Check, store and score the first rows of a batch, in memory.

    What comes but once is done before, on a few of them. Seconds are of the processor, for those of the clock say how
    busy the machine is at this moment.

    Args:
        score: scores rows that the contract accepts.
        checker: holds rows against the contract.
        batch: the rows.

    Raises:
        PredictError: the model fails on them.
    """
    few = _measure(score, checker, batch.slice(0, FEW_ROWS))
    quick = few.score_seconds * parts.ROWS_PER_GROUP < _LONG
    return _measure(score, checker, batch.slice(0, parts.ROWS_PER_GROUP if quick else SAMPLE_ROWS))


def _measure(
    score: Callable[[pa.RecordBatch], pa.RecordBatch], checker: Checker, rows: pa.RecordBatch
) -> Sample:
    began, held = process_time(), Clock().cost().peak_mb
    accepted = replace(checker).check(rows).accepted  # its counts are its own
    features, scored = parts.PartWriter(checker.contract.schema), parts.PartWriter(SCORE_SCHEMA)
    features.write(accepted)
    input_bytes = features.close()
    checked = process_time()
    if len(accepted):
        scored.write(score(accepted))
    scored_bytes = scored.close()
    share, peak = max(1, len(rows)), Clock().cost().peak_mb
    return Sample(
        check_seconds=(checked - began) / share,
        score_seconds=(process_time() - checked) / share,
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


def remember(uri: str, job: str, manifest: Manifest, sample: Sample) -> Sample:
    """A sample that no model has scored, with what it took in the job's last run, or else when it was registered."""
    values = {"job": job, "name": manifest.name, "version": manifest.version}
    with postgres.engine(uri).connect() as connection:
        last = {row.metric: row.value for row in connection.execute(sa.text(_LAST), values)}
    paced = scoring_threads(manifest) / last[_PACE] if last.get(_PACE) else manifest.score_seconds
    return replace(
        sample,
        score_seconds=sample.score_seconds + paced,
        held_mb=max(sample.held_mb, last.get(_PEAK, 0.0)),
    )


def forecast(
    rows: int, rows_per_part: int, sample: Sample, threads: int = 1, *, side_by_side: bool = False
) -> Forecast:
    """What so many rows will take, as far as a sample tells.

    Args:
        rows: of the query.
        rows_per_part: of the job.
        sample: what a row takes.
        threads: that score a part.
        side_by_side: whether one process extracts, scores and writes at the same time.
    """
    cut: list[int] = []
    left = rows
    for size in layout.sizes(rows_per_part):
        if left <= 0:
            break
        cut.append(min(size, left))
        left -= size
    # A part is collected in memory, compressed, and grows by doubling; a few batches pass by on their way, and each
    # thread scores one of them.
    buffers = 2 * max(cut, default=0) * max(sample.input_bytes, sample.scored_bytes) + 4 * BATCH_BYTES
    extracted = sample.check_seconds + _DATABASE_SECONDS_PER_ROW
    seconds = extracted + sample.score_seconds / threads
    if side_by_side:
        together = (extracted + sample.score_seconds) / resources.share()
        seconds = max(together, extracted, sample.score_seconds / threads)
    return Forecast(
        rows=rows,
        parts=len(cut),
        seconds=round(rows * seconds, 4),
        peak_mb=round(sample.held_mb + threads * sample.batch_mb + buffers / 1e6, 1),
        store_mb=round(rows * (sample.input_bytes + sample.scored_bytes) / 1e6, 3),
    )


def look_ahead(
    places: Workspace, query: str, values: Values, extract: ExtractSection, expect: Callable[[int], Forecast]
) -> Forecast | None:
    """Forecast a night, and refuse it where it would not fit; None where nobody knows its rows before they are read.

    A plan may be wrong by far, so a night is refused only after its rows were counted.

    Args:
        places: folders, store and databases.
        query: the job's query.
        values: its parameters' values.
        extract: the job's settings.
        expect: what so many rows will take.

    Raises:
        ForecastError: the store or the memory would not suffice.
        WarehouseError: the database refused the query.
    """
    asked = (places.warehouse, query, values, extract.query)
    rows = warehouse.expected_rows(*asked)
    if rows is None:
        return None
    expected = expect(rows)
    if _lacking(expected, places.store):
        expected = expect(warehouse.count(*asked))
    if lacking := _lacking(expected, places.store):
        raise ForecastError(f"{extract.query}: {expected}; {lacking}")
    log.info("forecast: %s", expected)
    return expected


def _lacking(found: Forecast, store: str) -> str:
    free, memory = _free_mb(store), resources.available_memory() / 1e6
    if free is not None and found.store_mb > free:
        return (
            f"the store {store} has {free:,.0f} MB left. Free some, or set SCORING_STORE to a larger place."
        )
    growth = found.peak_mb - Clock().cost().peak_mb
    if growth > memory:
        return f"this machine has {memory:,.0f} MB left. Lower extract.rows_per_part, or give it more memory."
    return ""


def _free_mb(store: str) -> float | None:
    filesystem, root = files.open_store(store)
    if not isinstance(filesystem, LocalFileSystem):
        return None
    there = next(folder for folder in (Path(root), *Path(root).parents) if folder.exists())
    return shutil.disk_usage(there).free / 1e6


_PACE, _PEAK = "predict_rows_per_second", "predict_peak_mb"
_LAST = """
SELECT metric, value FROM scoring.run_metrics
WHERE metric IN ('predict_rows_per_second', 'predict_peak_mb') AND run_id = (
    SELECT run_id FROM scoring.scoring_runs AS run JOIN scoring.run_metrics AS pace USING (run_id)
    WHERE run.job = :job AND run.model_name = :name AND run.model_version = :version
      AND pace.metric = 'predict_rows_per_second'
    ORDER BY run_id DESC LIMIT 1)
"""
