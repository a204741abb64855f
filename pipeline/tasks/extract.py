"""The query of a score date becomes parts, and rejected rows with their reasons."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from threading import Event

import pyarrow as pa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Contract
from pipeline.contract.policy import Policy
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Values
from pipeline.errors import NothingToDo, ScoringError
from pipeline.extraction import capacity, duplicates
from pipeline.extraction.capacity import Forecast
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import score_batch, scoring_threads
from pipeline.payloads import Part, PartTask, Run
from pipeline.runs import identity, ledger, store_identity
from pipeline.runs.ledger import PartRecord, ServedBy
from pipeline.runs.rejections import Rejections
from pipeline.runtime.clock import Clock
from pipeline.runtime.progress import Progress
from pipeline.store import layout, parts

log = logging.getLogger(__name__)


class ExtractError(ScoringError):
    """A night that cannot be extracted as it stands."""


@dataclass(frozen=True)
class _Night:
    """A run while its rows stream by.

    Attributes:
        places: folders, store and databases.
        job: what is scored.
        run: the run, of which nothing is counted yet.
        query: the job's query.
        values: its parameters' values.
        contract: of the model that will score.
        policy: what becomes of the rows that break it.
        pinned: the version of the model that will score.
        load: gives that model, where it may be loaded in this process.
        stored: is called with each part that is in the store.
        failed: set when one shard has failed, so that the others need not go on.
    """

    places: Workspace
    job: Job
    run: Run
    query: str
    values: Values
    contract: Contract
    policy: Policy
    pinned: PinnedVersion
    load: Callable[[PinnedVersion], Model] | None
    stored: Callable[[PartTask], None]
    failed: Event = field(default_factory=Event)

    @property
    def origin(self) -> str:
        """The query's file."""
        return self.job.extract.query

    @property
    def whole(self) -> Values:
        """The parameters' values that give every row, also where the query is split into shards."""
        return {**self.values, "shard": 0, "shards": 1}

    def checker(self, shard: int, doubled: pa.Array | None) -> Checker:
        """Holds the rows of one shard against the contract."""
        end = dates.interval(date.fromisoformat(self.run.score_date), self.job.zone)[1]
        return Checker(
            self.contract,
            self.policy,
            end.astimezone(self.job.zone),
            doubled,
            shard,
            self.job.extract.shards,
        )


@dataclass
class _Shard:
    """What one connection has read: parts, their lines of the ledger, and counts of what the contract saw."""

    written: list[tuple[Part, PartRecord]]
    counts: dict[str, Counter[str]]
    forecast: dict[str, float]


def extract(
    places: Workspace,
    job: Job,
    score_date: date,
    *,
    trigger: str,
    model_version: int | None = None,
    pinned: PinnedVersion | None = None,
    dry_run: bool = False,
    attempt: int = 1,
    served_by: ServedBy = "model",
    triggered_by: str | None = None,
    load: Callable[[PinnedVersion], Model] | None = None,
    stored: Callable[[PartTask], None] = lambda work: None,
) -> Run:
    """Stream one night's rows from the warehouse into the parts of a new run.

    Args:
        places: folders, store and databases.
        job: what to score.
        score_date: the day whose rows are scored.
        trigger: what started the run; a new try of the same trigger takes over from the old one.
        model_version: a registered version to use instead of the job's alias, because a person named it.
        pinned: the version that these two come to, where the caller has looked it up already.
        dry_run: never publish the run.
        attempt: which try of the trigger this is; an earlier one that comes late changes nothing.
        served_by: whether the run stands in for one that failed.
        triggered_by: the person who triggered the run; None where a schedule did.
        load: gives the pinned model, to try it on the first rows; without it nothing is unpickled here.
        stored: called with each part as soon as it is in the store, while the others are still extracted.

    Returns:
        the run, with its parts in the store and its ledger in the database.

    Raises:
        JobError: the job file names a rule or a column that the model has not.
        ModelError: the model or version is not registered.
        LedgerError: a higher version of the model is published for that night, and nobody named this one.
        StoreError: the store belongs to another database, or has runs that this one has forgotten.
        ContractError: the query's columns do not fit the model.
        DoubledError: the entities that are to be rejected because they come twice are too many.
        WarehouseError: the query cannot work as it is written.
        ForecastError: the night would not fit into the store or the memory.
        ExtractError: the night has no rows, and the job says that this is a failure; or its shards are not the whole.
        NothingToDo: the night has no rows, and the job says to skip it; or the same input, model, code and
            configuration are published already.
    """
    clock = Clock()
    pinned = pinned or registry.resolve(places.home, job.model.name, job.model.alias, model_version)
    policy = Policy.of(job, pinned.manifest.contract, pinned.manifest.label)
    query = queries.read(places.home / "sql", job.extract.query)
    interval = dates.interval(score_date, job.zone)
    query_sha256 = hashlib.sha256(query.encode()).hexdigest()
    entry = ledger.RunRecord(
        job=job.name,
        score_date=score_date,
        interval=interval,
        trigger=trigger,
        dry_run=dry_run,
        pinned=pinned,
        query_sha256=query_sha256,
        job_sha256=job.sha256,
        model_named=model_version is not None or served_by != "model",
        attempt=attempt,
        served_by=served_by,
        triggered_by=triggered_by,
    )
    database = store_identity.admit(places.store, job.name, places.predictions)
    run_id = ledger.begin(
        places.predictions, entry, lambda run_id: store_identity.claim(places.store, database, run_id)
    )
    log.info("run %s: model %s version %s", run_id, pinned.manifest.name, pinned.manifest.version)
    run = Run(
        run_id=run_id,
        job=job.name,
        score_date=score_date.isoformat(),
        dry_run=dry_run,
        model_name=pinned.manifest.name,
        model_version=pinned.manifest.version,
        model_sha256=pinned.sha256,
        parts=(),
        rows_extracted=0,
        rows_rejected=0,
        features={},
        forecast={},
        cost=clock.cost(),
    )
    values = {"score_date": score_date, "interval_start": interval[0], "interval_end": interval[1]}
    contract = pinned.manifest.contract
    night = _Night(places, job, run, query, values, contract, policy, pinned, load, stored)
    with ledger.open_run(places.predictions, run_id):
        shards = _read(night)
        written = sorted(
            (pair for shard in shards for pair in shard.written), key=lambda pair: pair[0].number
        )
        ledger.extracted(places.predictions, run_id, [line for _, line in written])
        if not written:
            _nothing_extracted(places, job, score_date, run_id)
        identity.skip_if_published(places.predictions, run_id)
    return run.model_copy(
        update={
            "parts": tuple(part for part, _ in written),
            "rows_extracted": sum(line.rows_extracted for _, line in written),
            "rows_rejected": sum(line.rows_rejected for _, line in written),
            "features": {
                column.name: {
                    rule: sum(shard.counts[column.name][rule] for shard in shards)
                    for rule in shards[0].counts[column.name]
                }
                for column in contract.columns
            },
            "forecast": shards[0].forecast,
            "cost": clock.cost(),
        }
    )


def _read(night: _Night) -> list[_Shard]:
    """Read a night's rows, over as many connections as it has shards, all from one snapshot."""
    if night.job.extract.shards > 1:
        _require_shards(night)
    elif not _can_share(night):
        return [_read_shard(night, 0, None, _doubled(night, None))]
    with warehouse.shared_snapshot(night.places.warehouse, night.origin) as snapshot:
        doubled = _doubled(night, snapshot)
        if night.job.extract.shards == 1:
            return [_read_shard(night, 0, snapshot, doubled)]
        return _read_shards(night, snapshot, doubled)


def _can_share(night: _Night) -> bool:
    return night.policy.unique == "reject" and warehouse.has_snapshots(night.places.warehouse)


def _doubled(night: _Night, snapshot: str | None) -> pa.Array | None:
    """The entities whose rows are to be rejected because they come more than once."""
    if night.policy.unique == "refuse":
        return None
    found = duplicates.find(night.places.warehouse, night.query, night.whole, night.origin, snapshot)
    log.info("%s entities come more than once; their rows are rejected", len(found))
    return found


def _require_shards(night: _Night) -> None:
    if not {"shard", "shards"} <= queries.parameters(night.query):
        raise ExtractError(
            f"{night.origin}: extract.shards is {night.job.extract.shards}, and the query does not name :shard and "
            ":shards, so that every shard would be the whole. Add WHERE abs(hashtext(KEY) % :shards) = :shard, or set "
            "extract.shards = 1"
        )


def _read_shards(night: _Night, snapshot: str, doubled: pa.Array | None) -> list[_Shard]:
    number = night.job.extract.shards
    with ThreadPoolExecutor(number) as threads:
        reading = [threads.submit(_read_shard, night, shard, snapshot, doubled) for shard in range(number)]
        for begun in reading:
            begun.add_done_callback(lambda done: night.failed.set() if done.exception() else None)
        found = [done.result() for done in reading]
        # As one shard of one, the query gives every row: what a wrong condition would lose is found here.
        expected = warehouse.count(night.places.warehouse, night.query, night.whole, night.origin, snapshot)
    extracted = sum(line.rows_extracted for shard in found for _, line in shard.written)
    if extracted != expected:
        raise ExtractError(
            f"{night.origin}: its {number} shards have {extracted} rows together, and the whole has {expected}. "
            "Correct the condition on :shard: a remainder may be negative, as in hashtext(KEY) % :shards, or null."
        )
    return found


def _read_shard(night: _Night, shard: int, snapshot: str | None, doubled: pa.Array | None) -> _Shard:
    extract = night.job.extract
    checker = night.checker(shard, doubled)
    values = {**night.values, "shard": shard, "shards": extract.shards}
    read = _Shard([], checker.counts, {})
    progress = Progress(log, f"shard {shard}: extracted" if extract.shards > 1 else "extracted")
    with warehouse.stream(night.places.warehouse, night.query, values, night.origin, snapshot) as reader:
        checker.schema(reader.schema, night.origin)
        first = next((batch for batch in reader if batch.num_rows), None)
        if first is None:
            return read
        if shard == 0:
            read.forecast = _look_ahead(night, checker, first)
        for number, rows in enumerate(
            _cut(chain([first], reader), layout.sizes(extract.rows_per_part, extract.shards))
        ):
            if night.failed.is_set():
                break
            part, line = _write_part(
                night, number * extract.shards + shard, _counted(rows, progress), checker
            )
            read.written.append((part, line))
            night.stored(night.run.work(part))
    return read


def _look_ahead(night: _Night, checker: Checker, first: pa.RecordBatch) -> dict[str, float]:
    manifest, side_by_side = night.pinned.manifest, night.load is not None
    if night.load:
        loaded = night.load(night.pinned)
        sample = capacity.measure(lambda rows: score_batch(loaded, rows), checker, first)
    else:
        sample = capacity.measure(lambda rows: capacity.stand_in(manifest, rows), checker, first)
        sample = capacity.remember(night.places.predictions, night.job.name, manifest, sample)

    def expect(rows: int) -> Forecast:
        size, threads = night.job.extract.rows_per_part, scoring_threads(manifest)
        return capacity.forecast(rows, size, sample, threads, side_by_side=side_by_side)

    ahead = capacity.look_ahead(night.places, night.query, night.whole, night.job.extract, expect)
    return ahead.metrics() if ahead else {}


def _write_part(
    night: _Night, number: int, batches: Iterator[pa.RecordBatch], checker: Checker
) -> tuple[Part, PartRecord]:
    """Check a part's rows, keep those that are rejected, and store the others."""
    run, extracted, refused = night.run, 0, 0
    rejections = Rejections(night.places.predictions, run.run_id, number)
    writer = parts.PartWriter(checker.contract.schema)
    for batch in batches:
        checked = checker.check(batch)
        writer.write(checked.accepted)
        rejections.add(checked.reasons())
        extracted, refused = extracted + batch.num_rows, refused + checked.rejected_rows
    rejections.load()
    path = layout.input_path(run.job, run.score_date, run.run_id, number)
    part = writer.save(night.places.store, path, number)
    log.info("part %s: %s rows extracted, %s rejected", number, extracted, refused)
    return part, PartRecord(number, extracted, refused, part.sha256)


def _counted(batches: Iterator[pa.RecordBatch], progress: Progress) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        progress.add(batch.num_rows)


def _cut(batches: Iterator[pa.RecordBatch], sizes: Iterator[int]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Cut a stream of batches into groups of exactly these sizes, the last one shorter; never holds a group."""
    batches = (batch for batch in batches if batch.num_rows)
    rest = next(batches, None)

    def group() -> Iterator[pa.RecordBatch]:
        nonlocal rest
        wanted = next(sizes)
        while rest is not None and wanted:
            taken = rest.slice(0, wanted)
            rest = rest.slice(len(taken)) if len(taken) < len(rest) else next(batches, None)
            wanted -= len(taken)
            yield taken

    while rest is not None:
        yield group()


def _nothing_extracted(places: Workspace, job: Job, score_date: date, run_id: int) -> None:
    message = f"{job.name} {score_date}: {job.extract.query} gave no rows"
    if job.gate.on_empty == "skip":
        ledger.close(places.predictions, run_id, "abandoned", message)
        raise NothingToDo(f"{message}; the job skips empty nights (gate.on_empty)")
    raise ExtractError(
        f"{message}. What was published before stays. Check that the warehouse was loaded, then run the night again; "
        'set gate.on_empty = "skip" in the job file if empty nights are normal.'
    )
