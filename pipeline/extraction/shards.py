"""A run's rows, read over one connection or several: all from one snapshot, checked, and stored as parts."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from threading import Event

import pyarrow as pa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.policy import Policy
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.extraction import capacity, duplicates, parts, row_cost
from pipeline.extraction.ahead import ahead
from pipeline.extraction.row_cost import RowCost
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import PredictError, score_batch, scoring_threads
from pipeline.payloads import Part, PartTask, Run
from pipeline.runs.ledger import PartRecord
from pipeline.runtime.progress import Progress
from pipeline.store import layout
from pipeline.store.layout import RunRef

log = logging.getLogger(__name__)


class ExtractError(ScoringError):
    """A run whose rows cannot be extracted as they stand."""


@dataclass(frozen=True)
class Extraction:
    """A run while its rows stream by.

    Attributes:
        workspace: folders, store and databases.
        job: what is scored.
        run: the run, of which nothing is counted yet.
        query: the job's query, with values that give every row.
        policy: what becomes of the rows that break the model's contract.
        pinned: the version of the model that will score.
        load: gives that model, where it may be loaded in this process.
        stored: is called with each part that is in the store.
        failed: set when one shard has failed, so that the others need not go on.
    """

    workspace: Workspace
    job: Job
    run: Run
    query: Query
    policy: Policy
    pinned: PinnedVersion
    load: Callable[[PinnedVersion], Model] | None
    stored: Callable[[PartTask], None]
    failed: Event = field(default_factory=Event)

    def checker(self, shard: int, repeated: pa.Array | None) -> Checker:
        """Holds the rows of one shard against the contract; `repeated` are the entities that come more than once."""
        end = dates.interval(self.run.score_date, self.job.zone)[1].astimezone(self.job.zone)
        shards = self.job.extract.shards
        return Checker(self.pinned.manifest.contract, self.policy, end, repeated, shard, shards)


@dataclass
class Shard:
    """What one connection has read: parts, their lines of the ledger, and counts of what the contract saw."""

    written: list[tuple[Part, PartRecord]]
    counts: dict[str, Counter[str]]
    forecast: dict[str, float]


def read(extraction: Extraction) -> list[Shard]:
    """Read a run's rows, over as many connections as its job has shards, all from one snapshot.

    Raises:
        ExtractError: the shards are not the whole.
        ContractError: the query's columns do not fit the model.
        DoubledError: the entities that are to be rejected because they come twice are too many.
        ForecastError: the run would not fit into the store or the memory.
        WarehouseError: the query cannot work as it is written.
    """
    if extraction.job.extract.shards > 1:
        _require_shards(extraction)
    elif not _can_share(extraction):
        return [_read_shard(extraction, 0, None, _repeated(extraction, None))]
    with warehouse.shared_snapshot(extraction.workspace.warehouse, extraction.query.file) as snapshot:
        repeated = _repeated(extraction, snapshot)
        if extraction.job.extract.shards == 1:
            return [_read_shard(extraction, 0, snapshot, repeated)]
        return _read_shards(extraction, snapshot, repeated)


def _can_share(extraction: Extraction) -> bool:
    return extraction.policy.unique == "reject" and warehouse.has_snapshots(extraction.workspace.warehouse)


def _repeated(extraction: Extraction, snapshot: str | None) -> pa.Array | None:
    """The entities whose rows are to be rejected because they come more than once."""
    if extraction.policy.unique == "refuse":
        return None
    entities = duplicates.find(extraction.workspace.warehouse, extraction.query, snapshot)
    log.info("%s entities come more than once; their rows are rejected", len(entities))
    return entities


def _require_shards(extraction: Extraction) -> None:
    if not {"shard", "shards"} <= queries.parameters(extraction.query.text):
        raise ExtractError(
            f"{extraction.query.file}: extract.shards is {extraction.job.extract.shards}, and the query does not name "
            ":shard and :shards, so that every shard would be the whole. Add WHERE abs(hashtext(KEY) % :shards) = "
            ":shard, or set extract.shards = 1"
        )


def _read_shards(extraction: Extraction, snapshot: str, repeated: pa.Array | None) -> list[Shard]:
    number = extraction.job.extract.shards
    with ThreadPoolExecutor(number) as threads:
        reading = [
            threads.submit(_read_shard, extraction, shard, snapshot, repeated) for shard in range(number)
        ]
        for begun in reading:
            begun.add_done_callback(lambda done: extraction.failed.set() if done.exception() else None)
        shards = [done.result() for done in reading]
        # As one shard of one, the query gives every row: what a wrong condition would lose shows here.
        expected = warehouse.count(extraction.workspace.warehouse, extraction.query, snapshot)
    extracted = sum(line.rows_extracted for shard in shards for _, line in shard.written)
    if extracted != expected:
        raise ExtractError(
            f"{extraction.query.file}: its {number} shards have {extracted} rows together, and the whole has "
            f"{expected}. Correct the condition on :shard: a remainder may be negative, as in hashtext(KEY) % :shards, "
            "or null."
        )
    return shards


def _read_shard(extraction: Extraction, shard: int, snapshot: str | None, repeated: pa.Array | None) -> Shard:
    rows_per_part, shards = extraction.job.extract.rows_per_part, extraction.job.extract.shards
    checker = extraction.checker(shard, repeated)
    query = extraction.query.with_values(shard=shard, shards=shards)
    ref, read = RunRef.of(extraction.run), Shard([], checker.counts, {})
    progress = Progress(log, f"shard {shard}: extracted" if shards > 1 else "extracted")
    with (
        warehouse.stream(extraction.workspace.warehouse, query, snapshot) as reader,
        closing(ahead(reader)) as batches,
    ):
        checker.schema(reader.schema, query.file)
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return read
        if shard == 0:
            read.forecast = _forecast(extraction, checker, first)
        groups = parts.cut(chain([first], batches), layout.sizes(rows_per_part, shards))
        for number, rows in enumerate(groups):
            if extraction.failed.is_set():
                break
            counted = parts.counted(rows, progress)
            part, line = parts.write(extraction.workspace, ref, number * shards + shard, counted, checker)
            read.written.append((part, line))
            extraction.stored(extraction.run.work(part))
    return read


def _cost(model: Model, job: Job, checker: Checker, first: pa.RecordBatch) -> RowCost | None:
    """What it costs to score the first rows; None where the model raises on rows that are to be rejected."""
    try:
        return row_cost.measure(partial(score_batch, model), checker, first)
    except PredictError:
        if job.contract.model_error == "fail":
            raise
    return None


def _forecast(extraction: Extraction, checker: Checker, first: pa.RecordBatch) -> dict[str, float]:
    """What the run is expected to take, from its first rows; nothing where nobody knows its rows before."""
    workspace, job, manifest = extraction.workspace, extraction.job, extraction.pinned.manifest
    cost = _cost(extraction.load(extraction.pinned), job, checker, first) if extraction.load else None
    if cost is None:
        cost = row_cost.measure(lambda rows: row_cost.stand_in(manifest, rows), checker, first)
        cost = row_cost.with_last_pace(workspace.predictions, job.name, manifest, cost)
    expect = partial(
        capacity.forecast,
        rows_per_part=job.extract.rows_per_part,
        cost=cost,
        threads=scoring_threads(manifest),
        side_by_side=extraction.load is not None,
    )
    ahead = capacity.look_ahead(workspace, extraction.query, expect)
    return ahead.metrics() if ahead else {}
