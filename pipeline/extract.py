"""The query of a score date becomes parts, and rejected rows with their reasons."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from pipeline import dates, ledger, model, parts, postgres, queries, warehouse
from pipeline.check import REJECTED, Checker, Policy
from pipeline.errors import NothingToDo, ScoringError
from pipeline.job import Job
from pipeline.ledger import Line
from pipeline.places import Places
from pipeline.progress import Progress
from pipeline.stage import Clock, Part, Run, Work

log = logging.getLogger(__name__)

PARTS_OF_A_SIZE = 32


class ExtractError(ScoringError):
    """A night that cannot be extracted as it stands."""


@dataclass(frozen=True)
class _Night:
    """A run's identity while its rows stream by."""

    job: Job
    score_date: date
    run_id: int
    places: Places


def extract(
    places: Places,
    job: Job,
    score_date: date,
    *,
    trigger: str,
    model_version: int | None = None,
    dry_run: bool = False,
    stored: Callable[[Work], None] = lambda work: None,
) -> Run:
    """Stream one night's rows from the warehouse into the parts of a new run.

    Args:
        places: folders, store and databases.
        job: what to score.
        score_date: the day whose rows are scored.
        trigger: what started the run; a new try of the same trigger takes over from the old one.
        model_version: a registered version to use instead of the job's alias.
        dry_run: never publish the run.
        stored: called with each part as soon as it is in the store, while the others are still extracted.

    Returns:
        the run, with its parts in the store and its ledger in the database.

    Raises:
        ModelError: the model or version is not registered.
        ContractError: the query's columns do not fit the model.
        WarehouseError: the query cannot work as it is written.
        ExtractError: the night has no rows, and the job says that this is a failure.
        NothingToDo: the night has no rows, and the job says to skip it.
    """
    clock = Clock()
    pinned = model.resolve(places.home, job.model.name, job.model.alias, model_version)
    query = queries.read(places.home / "sql", job.extract.query)
    interval = dates.interval(score_date, job.zone)
    query_sha256 = hashlib.sha256(query.encode()).hexdigest()
    entry = ledger.Entry(job.name, score_date, interval, trigger, dry_run, pinned, query_sha256, job.sha256)
    run_id = ledger.begin(places.predictions, entry)
    log.info("run %s: model %s version %s", run_id, pinned.manifest.name, pinned.manifest.version)
    values = {"score_date": score_date, "interval_start": interval[0], "interval_end": interval[1]}
    checker = Checker(
        pinned.manifest.contract, Policy(job.extract.unknown_category, job.extract.out_of_range)
    )
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
        cost=clock.cost(),
    )
    written = []
    with ledger.working(places.predictions, run_id):
        with warehouse.stream(places.warehouse, query, values, job.extract.query) as reader:
            checker.schema(reader.schema, job.extract.query)
            for part, line in _write_parts(_Night(job, score_date, run_id, places), reader, checker):
                written.append((part, line))
                stored(run.work(part))
        ledger.extracted(places.predictions, run_id, [line for _, line in written])
        if not written:
            _nothing_extracted(places, job, score_date, run_id)
    return run.model_copy(
        update={
            "parts": tuple(part for part, _ in written),
            "rows_extracted": sum(line.rows_extracted for _, line in written),
            "rows_rejected": sum(line.rows_rejected for _, line in written),
            "features": {name: asdict(counts) for name, counts in checker.counts.items()},
            "cost": clock.cost(),
        }
    )


def _write_parts(
    night: _Night, reader: pa.RecordBatchReader, checker: Checker
) -> Iterator[tuple[Part, Line]]:
    """Cut the stream into parts of `rows_per_part` extracted rows; yield each with its line of the ledger."""
    progress = Progress(log, "extracted")
    for number, batches in enumerate(_cut(reader, sizes(night.job.extract.rows_per_part))):
        writer, rejected, extracted, refused = parts.PartWriter(checker.contract.schema), [], 0, 0
        for batch in batches:
            checked = checker.check(batch)
            writer.write(checked.accepted)
            rejected.append(checked.rejected)
            extracted, refused = extracted + batch.num_rows, refused + checked.rejected_rows
            progress.add(batch.num_rows)
        _keep_rejected(night, number, rejected)
        path = parts.input_path(night.job.name, night.score_date.isoformat(), night.run_id, number)
        part = writer.save(night.places.store, path, number)
        log.info("part %s: %s rows extracted, %s rejected", number, extracted, refused)
        yield part, Line(number, extracted, refused, part.sha256)


def sizes(rows: int) -> Iterator[int]:
    """How many rows each part takes: twice as many after every 32 parts.

    However large a night is, it makes a few hundred parts: a billion rows at 100,000 make 266. Airflow maps a task over
    1024 parts at most, and each has a cost of its own. A rule, and not an estimate of the night, so that the same rows
    are always cut into the same parts.
    """
    while True:
        yield from [rows] * PARTS_OF_A_SIZE
        rows *= 2


def _cut(reader: pa.RecordBatchReader, sizes: Iterator[int]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Cut a stream of batches into groups of exactly these sizes, the last one shorter; never holds a group."""
    batches = (batch for batch in reader if batch.num_rows)
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


def _keep_rejected(night: _Night, number: int, rejected: list[pa.RecordBatch]) -> None:
    table = pa.Table.from_batches(rejected, schema=REJECTED)
    if not table.num_rows:
        return
    for position, (name, value) in enumerate((("run_id", night.run_id), ("part", number))):
        column = pa.repeat(pa.scalar(value, pa.int64() if name == "run_id" else pa.int32()), table.num_rows)
        table = table.add_column(position, name, column)
    with adbc.connect(night.places.predictions) as session, session.cursor() as cursor:
        postgres.load(cursor, "scoring", "rejected_rows", table.to_reader())
        session.commit()


def _nothing_extracted(places: Places, job: Job, score_date: date, run_id: int) -> None:
    message = f"{job.name} {score_date}: {job.extract.query} gave no rows"
    if job.gate.on_empty == "skip":
        ledger.close(places.predictions, run_id, "abandoned", message)
        raise NothingToDo(f"{message}; the job skips empty nights (gate.on_empty)")
    raise ExtractError(
        f"{message}. What was published before stays. Check that the warehouse was loaded, then run the night again; "
        'set gate.on_empty = "skip" in the job file if empty nights are normal.'
    )
