"""What a night will take, said before it is taken: rows, seconds, memory and room in the store.

The rows come from the planner of Postgres, or from counting where there is no such plan; the rest from a sample that is
checked, scored and stored in memory. Where no model may be loaded, other scores stand in for its own, and the pace of
the job's last run for the time that it takes.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from fsspec.implementations.local import LocalFileSystem

from pipeline import machine, parts, postgres, warehouse
from pipeline.check import Checker
from pipeline.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.job import Extract
from pipeline.model import Manifest
from pipeline.places import Places
from pipeline.predict import SCORED
from pipeline.queries import BATCH_BYTES, Values
from pipeline.stage import Clock

log = logging.getLogger(__name__)

SAMPLE_ROWS = 5_000

# What a sample in memory cannot show: reading 18 columns and loading the scores, measured by `make bench`.
_DATABASE_SECONDS_PER_ROW = 5e-6


class ForecastError(ScoringError):
    """A night that would not fit into the store or the memory."""


@dataclass(frozen=True)
class Forecast:
    """What a night is expected to take.

    Attributes:
        rows: rows of the query.
        parts: parts that they are cut into.
        seconds: of extract, predict and write one after the other, on this machine.
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
        seconds: to check, store and score it.
        input_bytes: in its part.
        scored_bytes: in its scored part.
        held_mb: the memory of this process once the sample is scored.
    """

    seconds: float
    input_bytes: float
    scored_bytes: float
    held_mb: float


def measure(
    score: Callable[[pa.RecordBatch], pa.RecordBatch], checker: Checker, batch: pa.RecordBatch
) -> Sample:
    """Check, store and score the first rows of a batch, in memory.

    Args:
        score: scores rows that the contract accepts.
        checker: holds rows against the contract.
        batch: the rows.

    Raises:
        PredictError: the model fails on them.
    """
    started = perf_counter()
    rows = batch.slice(0, SAMPLE_ROWS)
    accepted = replace(checker).check(rows).accepted  # its counts are its own
    features, scored = parts.PartWriter(checker.contract.schema), parts.PartWriter(SCORED)
    features.write(accepted)
    if len(accepted):
        scored.write(score(accepted))
    share = max(1, len(rows))
    return Sample(
        seconds=(perf_counter() - started) / share,
        input_bytes=features.close() / share,
        scored_bytes=scored.close() / share,
        held_mb=Clock().cost().peak_mb,
    )


def stand_in(manifest: Manifest, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Scores of the size that a model's would have, for rows that no model has scored; none compress worse."""
    random, count = np.random.default_rng(0), len(manifest.classes)
    scores, labels, classes = random.random(len(rows)), pa.nulls(len(rows), pa.string()), None
    if count:
        labels = pa.array(random.choice(manifest.classes, len(rows)), pa.string())
    if count > 2:
        classes = list(random.random((len(rows), count)))
    lists = pa.array(classes or [None] * len(rows), SCORED.field("class_scores").type)
    return pa.RecordBatch.from_arrays([rows.column(ENTITY), pa.array(scores), labels, lists], schema=SCORED)


def pace(uri: str, job: str, manifest: Manifest) -> float:
    """Seconds a row that the model took in the job's last run with it; 0 where there was none."""
    values = {"job": job, "name": manifest.name, "version": manifest.version}
    with postgres.engine(uri).connect() as connection:
        rows_per_second = connection.execute(sa.text(_PACE), values).scalar_one_or_none()
    return 1 / rows_per_second if rows_per_second else 0.0


def forecast(rows: int, rows_per_part: int, sample: Sample) -> Forecast:
    """What so many rows will take, as far as a sample tells."""
    cut: list[int] = []
    left = rows
    for size in parts.sizes(rows_per_part):
        if left <= 0:
            break
        cut.append(min(size, left))
        left -= size
    # A part is collected in memory, compressed, and grows by doubling; a few batches pass by on their way.
    buffers = 2 * max(cut, default=0) * max(sample.input_bytes, sample.scored_bytes) + 4 * BATCH_BYTES
    return Forecast(
        rows=rows,
        parts=len(cut),
        seconds=round(rows * (sample.seconds + _DATABASE_SECONDS_PER_ROW), 4),
        peak_mb=round(sample.held_mb + buffers / 1e6, 1),
        store_mb=round(rows * (sample.input_bytes + sample.scored_bytes) / 1e6, 3),
    )


def look_ahead(
    places: Places, query: str, values: Values, extract: Extract, sample: Sample
) -> Forecast | None:
    """Forecast a night, and refuse it where it would not fit; None where nobody knows its rows before they are read.

    A plan may be wrong by far, so a night is refused only after its rows were counted.

    Raises:
        ForecastError: the store or the memory would not suffice.
        WarehouseError: the database refused the query.
    """
    asked = (places.warehouse, query, values, extract.query)
    rows = warehouse.expected_rows(*asked)
    if rows is None:
        return None
    found = forecast(rows, extract.rows_per_part, sample)
    if _lacking(found, places.store):
        found = forecast(warehouse.count(*asked), extract.rows_per_part, sample)
    if lacking := _lacking(found, places.store):
        raise ForecastError(f"{extract.query}: {found}; {lacking}")
    log.info("forecast: %s", found)
    return found


def _lacking(found: Forecast, store: str) -> str:
    free, memory = _free_mb(store), machine.available_memory() / 1e6
    if free is not None and found.store_mb > free:
        return (
            f"the store {store} has {free:,.0f} MB left. Free some, or set SCORING_STORE to a larger place."
        )
    growth = found.peak_mb - Clock().cost().peak_mb
    if growth > memory:
        return f"this machine has {memory:,.0f} MB left. Lower extract.rows_per_part, or give it more memory."
    return ""


def _free_mb(store: str) -> float | None:
    filesystem, root = parts.open_store(store)
    if not isinstance(filesystem, LocalFileSystem):
        return None
    there = next(folder for folder in (Path(root), *Path(root).parents) if folder.exists())
    return shutil.disk_usage(there).free / 1e6


_PACE = """
SELECT metric.value FROM scoring.scoring_runs AS run JOIN scoring.run_metrics AS metric USING (run_id)
WHERE run.job = :job AND run.model_name = :name AND run.model_version = :version
  AND metric.metric = 'predict_rows_per_second'
ORDER BY run.run_id DESC LIMIT 1
"""
