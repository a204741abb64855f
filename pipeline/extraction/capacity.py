"""What a run will take, before it takes it: rows, seconds, memory and room in the store.

The rows come from the planner of Postgres, or from counting where there is no such plan; the rest from the cost of a
row, measured on some.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from pipeline.config.workspace import Workspace
from pipeline.databases import warehouse
from pipeline.databases.queries import BATCH_BYTES, Query
from pipeline.errors import ScoringError
from pipeline.extraction.row_cost import RowCost
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.store import files, layout

log = logging.getLogger(__name__)


# What a sample in memory cannot show: reading 18 columns and loading the scores, measured by `make bench`.
_DATABASE_SECONDS_PER_ROW = 2.6e-6


class ForecastError(ScoringError):
    """A run that would not fit into the store or the memory."""


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take.

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


def forecast(
    rows: int, rows_per_part: int, cost: RowCost, threads: int = 1, *, side_by_side: bool = False
) -> Forecast:
    """What so many rows will take, as far as the cost of a row tells.

    Args:
        rows: of the query.
        rows_per_part: of the job.
        cost: what a row takes.
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
    buffers = 2 * max(cut, default=0) * max(cost.input_bytes, cost.scored_bytes) + 6 * BATCH_BYTES
    extracted = cost.check_seconds + _DATABASE_SECONDS_PER_ROW
    seconds = extracted + cost.score_seconds / threads
    if side_by_side:
        together = (extracted + cost.score_seconds) / resources.share()
        seconds = max(together, extracted, cost.score_seconds / threads)
    return Forecast(
        rows=rows,
        parts=len(cut),
        seconds=round(rows * seconds, 4),
        peak_mb=round(cost.held_mb + threads * cost.batch_mb + buffers / 1e6, 1),
        store_mb=round(rows * (cost.input_bytes + cost.scored_bytes) / 1e6, 3),
    )


def look_ahead(workspace: Workspace, query: Query, expect: Callable[[int], Forecast]) -> Forecast | None:
    """Forecast a run, and refuse it where it would not fit; None where nobody knows its rows before they are read.

    A plan may be wrong by far, so a run is refused only after its rows were counted.

    Args:
        workspace: folders, store and databases.
        query: the job's query, with values that give every row.
        expect: what so many rows will take.

    Raises:
        ForecastError: the store or the memory would not suffice.
        WarehouseError: the database refused the query.
    """
    rows = warehouse.expected_rows(workspace.warehouse, query)
    if rows is None:
        return None
    expected = expect(rows)
    if _lacking(expected, workspace.store):
        expected = expect(warehouse.count(workspace.warehouse, query))
    if lacking := _lacking(expected, workspace.store):
        raise ForecastError(f"{query.file}: {expected}; {lacking}")
    log.info("forecast: %s", expected)
    return expected


def _lacking(expected: Forecast, store: str) -> str:
    free, memory = _free_mb(store), resources.available_memory() / 1e6
    if free is not None and expected.store_mb > free:
        return (
            f"the store {store} has {free:,.0f} MB left. Free some, or set SCORING_STORE to a larger place."
        )
    growth = expected.peak_mb - Clock().cost().peak_mb
    if growth > memory:
        return f"this machine has {memory:,.0f} MB left. Lower extract.rows_per_part, or give it more memory."
    return ""


def _free_mb(store: str) -> float | None:
    filesystem, root = files.open_store(store)
    if not isinstance(filesystem, LocalFileSystem):
        return None
    there = next(folder for folder in (Path(root), *Path(root).parents) if folder.exists())
    return shutil.disk_usage(there).free / 1e6
