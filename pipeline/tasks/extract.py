"""The rows of a score date become parts, and rejected rows with their reasons."""

import logging
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.policy import Policy
from pipeline.databases import queries
from pipeline.databases.queries import Query
from pipeline.errors import NothingToDo
from pipeline.extraction import shards
from pipeline.extraction.shards import ExtractError, Extraction, Shard
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run import findings as first_run
from pipeline.payloads import PartTask, Run, RunRequest
from pipeline.runs import code_version, identity, ledger, store_identity
from pipeline.runtime.clock import Clock

log = logging.getLogger(__name__)


def extract(
    workspace: Workspace,
    job: Job,
    score_date: date,
    request: RunRequest,
    *,
    pinned: PinnedVersion | None = None,
    load: Callable[[PinnedVersion], Model] | None = None,
    stored: Callable[[PartTask], None] = lambda work: None,
) -> Run:
    """Stream one score date's rows from the warehouse into the parts of a new run.

    Args:
        workspace: folders, store and databases.
        job: what to score.
        score_date: the day whose rows are scored.
        request: what was asked for.
        pinned: the version that the job and the request come to, where the caller has resolved it already.
        load: gives the pinned model, to try it on the first rows; without it nothing is unpickled here.
        stored: called with each part as soon as it is in the store, while the others are still extracted.

    Returns:
        the run, with its parts in the store and its ledger in the database.

    Raises:
        JobError: the job file names a rule or a column that the model has not.
        ModelError: the model or version is not registered.
        DeploymentError: another ready query has said that the source is ready.
        LedgerError: a higher version of the model is published for that score date, and nobody named this one.
        StoreError: the store belongs to another database, or has runs that this one has forgotten.
        ContractError: the query's columns do not fit the model.
        DoubledError: the entities that are to be rejected because they come twice are too many.
        WarehouseError: the query cannot work as it is written.
        ForecastError: the run would not fit into the store or the memory.
        ExtractError: there are no rows, and the job says that this is a failure; or its shards are not the whole.
        NothingToDo: there are no rows, and the job says to skip the run; or the same input, model, code and
            configuration are published already.
    """
    clock = Clock()
    pinned = pinned or registry.resolve(
        workspace.home, job.model.name, job.model.alias, request.model_version
    )
    policy = Policy.of(job, pinned.manifest.contract, pinned.manifest.label)
    interval = dates.interval(score_date, job.zone)
    text = queries.read(workspace.home / "sql", job.extract.query)
    query = Query(text, dates.query_values(score_date, job.zone), job.extract.query)
    record = ledger.RunRecord(
        job=job.name,
        score_date=score_date,
        interval=interval,
        request=request,
        pinned=pinned,
        deployment=code_version.deployment(workspace, job, query.text),
    )
    code_version.require_looked(job, record.deployment, request.readiness)
    run = _begin(workspace, record, clock)
    extraction = Extraction(workspace, job, run, query, policy, pinned, load, stored)
    with ledger.open_run(workspace.predictions, run.run_id):
        extracted = shards.read(extraction)
        counted = _counted(run, extracted, pinned)
        lines = sorted((line for shard in extracted for _, line in shard.written), key=lambda line: line.part)
        ledger.extracted(workspace.predictions, run.run_id, lines)
        if not lines:
            _nothing_extracted(workspace, job, run)
        identity.skip_if_published(workspace.predictions, run.run_id)
    return counted.model_copy(update={"cost": clock.cost()})


def _begin(workspace: Workspace, record: ledger.RunRecord, clock: Clock) -> Run:
    """Open the run in the ledger and in the store."""
    database = store_identity.admit(workspace.store, record.job, workspace.predictions)
    run_id = ledger.begin(
        workspace.predictions, record, lambda run_id: store_identity.claim(workspace.store, database, run_id)
    )
    manifest = record.pinned.manifest
    log.info("run %s: model %s version %s", run_id, manifest.name, manifest.version)
    return Run(
        run_id=run_id,
        job=record.job,
        score_date=record.score_date,
        dry_run=record.request.dry_run,
        model_name=manifest.name,
        model_version=manifest.version,
        model_sha256=record.pinned.sha256,
        deployment=record.deployment,
        parts=(),
        rows_extracted=0,
        rows_rejected=0,
        features={},
        forecast={},
        cost=clock.cost(),
        readiness=record.request.readiness,
        former=first_run.former(
            workspace.predictions, record.job, record.score_date, manifest, record.request
        ),
    )


def _counted(run: Run, extracted: Sequence[Shard], pinned: PinnedVersion) -> Run:
    """The run with its parts and what its shards have counted."""
    written = sorted((pair for shard in extracted for pair in shard.written), key=lambda pair: pair[0].number)
    counted: dict[str, Any] = {
        "parts": tuple(part for part, _ in written),
        "rows_extracted": sum(line.rows_extracted for _, line in written),
        "rows_rejected": sum(line.rows_rejected for _, line in written),
        "features": {
            column.name: {
                rule: sum(shard.counts[column.name][rule] for shard in extracted)
                for rule in extracted[0].counts[column.name]
            }
            for column in pinned.manifest.contract.columns
        },
        "forecast": extracted[0].forecast,
    }
    return run.model_copy(update=counted)


def _nothing_extracted(workspace: Workspace, job: Job, run: Run) -> None:
    message = f"{job.name} {run.score_date}: {job.extract.query} gave no rows"
    if job.gate.on_empty == "skip":
        ledger.close(workspace.predictions, run.run_id, "abandoned", message)
        raise NothingToDo(f"{message}; the job skips days without rows (gate.on_empty)")
    raise ExtractError(
        f"{message}. What was published before stays. Check that the warehouse was loaded, and score the day again. "
        'If days without rows are normal, set gate.on_empty = "skip" in the job file.'
    )
