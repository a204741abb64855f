"""Reads a score date's source again, and holds it against the rows that its published run was scored on."""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Contract
from pipeline.contract.policy import Policy
from pipeline.databases import postgres_errors, queries, statements, waiting, warehouse
from pipeline.databases.postgres import engine
from pipeline.databases.queries import Query
from pipeline.errors import NothingToDo, ScoringError
from pipeline.late_data.comparison import Comparison
from pipeline.late_data.digests import Digester
from pipeline.late_data.result import Recheck
from pipeline.model import registry
from pipeline.runs import archive
from pipeline.store import parts
from pipeline.store.parts import MissingPart

log = logging.getLogger(__name__)

_SQL = statements.load("late_data/recheck")


class RecheckError(ScoringError):
    """A run that cannot be held against its source any more."""


def recheck(workspace: Workspace, job: Job, score_date: date) -> Recheck:
    """Read a score date's source again, hold it against its published run, and enter how they differ.

    It takes one more run of the job's query. Memory depends on neither side's rows.

    Raises:
        NothingToDo: no run of that score date is published.
        RecheckError: the run's parts are gone, its query is another one now, or it serves another date's scores; or the
            predictions database refuses.
        ModelError: the model that scored is not registered any more.
        JobError: the job file says of the contract what that model cannot take.
        ContractError: the query's columns do not fit the model any more.
        PartError: a part is altered.
        WarehouseError: the database refused the query.
    """
    run = _published(workspace.predictions, job.name, score_date)
    query = _query(workspace, job, run)
    pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    contract = pinned.manifest.contract
    end = dates.interval(score_date, job.zone)[1].astimezone(job.zone)
    checker = Checker(contract, Policy.of(job, contract, pinned.manifest.label), end)
    digester = Digester()
    with Comparison(len(contract.columns)) as comparison:
        then = _archived(workspace.store, run, comparison, digester)
        now, rejected = _source(workspace.warehouse, query, checker, comparison, digester)
        counts = comparison.count()
    done = Recheck(
        run_id=run["run_id"],
        job=job.name,
        score_date=score_date,
        rows_then=then,
        rows_now=now,
        rows_rejected=rejected + counts.doubled_rows,
        rows_new=counts.new,
        rows_gone=counts.gone,
        rows_changed=counts.changed,
        entities_doubled=counts.doubled,
        columns=_by_column(contract, counts.columns),
        notes=_notes(job, run),
    )
    _enter(workspace.predictions, done)
    log.info("run %s: %s", done.run_id, done)
    return done


def _published(database_url: str, job: str, score_date: date) -> dict[str, Any]:
    """The row of the published run, with its ledger, where it can be held against its source."""
    with engine(database_url).connect() as connection:
        values = {"job": job, "score_date": score_date}
        run_id = connection.execute(sa.text(_SQL["published"]), values).scalar_one_or_none()
    if run_id is None:
        raise NothingToDo(
            f"{job} {score_date}: no run is published, so there is nothing to hold against the source"
        )
    run = archive.run(database_url, run_id)
    if run["source_run_id"] is not None:
        raise RecheckError(
            f"{job} {score_date}: run {run_id} serves the scores of run {run['source_run_id']}, of another score date. "
            f"Score this one: scoring score {job} {score_date}"
        )
    if run["parts_pruned_at"] is not None:
        raise RecheckError(_gone(run, f"its parts went on {run['parts_pruned_at']:%Y-%m-%d}"))
    return run


def _gone(run: Mapping[str, Any], what: str) -> str:
    return (
        f"{run['job']} {run['score_date']}: run {run['run_id']} cannot be held against its source: {what}. Parts are "
        "kept for retention.parts_days; set it longer than outcomes.delay_days."
    )


def _query(workspace: Workspace, job: Job, run: Mapping[str, Any]) -> Query:
    text = queries.read(workspace.home / "sql", job.extract.query)
    if hashlib.sha256(text.encode()).hexdigest() != run["query_sha256"]:
        raise RecheckError(
            f"{job.name} {run['score_date']}: {job.extract.query} is not the query that run {run['run_id']} read, so "
            f"that nobody can tell late data from it. Score the date again: scoring score {job.name} "
            f"{run['score_date']}"
        )
    return Query(text, dates.query_values(run["score_date"], job.zone), job.extract.query)


def _archived(store: str, run: Mapping[str, Any], comparison: Comparison, digester: Digester) -> int:
    """Take the rows that the run was scored on; returns how many."""
    rows = 0
    for part in archive.parts_of(run):
        try:
            for batch in parts.read(store, part.input.path, part.input):
                comparison.then(digester.of(batch))
                rows += batch.num_rows
        except MissingPart as error:
            raise RecheckError(_gone(run, f"{error.path} is no longer in the store")) from error
    return rows


def _source(
    address: str, query: Query, checker: Checker, comparison: Comparison, digester: Digester
) -> tuple[int, int]:
    """Take the rows that could be scored now; returns how many there are, and how many break the contract."""
    rows, rejected = 0, 0
    with warehouse.stream(address, query) as reader:
        checker.schema(reader.schema, query.file)
        for batch in reader:
            checked = checker.check(batch)
            if checked.accepted.num_rows:
                comparison.now(digester.of(checked.accepted))
            rows, rejected = rows + batch.num_rows, rejected + checked.rejected_rows
    return rows, rejected


def _by_column(contract: Contract, counts: tuple[int, ...]) -> dict[str, int]:
    names = (column.name for column in contract.columns)
    return {name: rows for name, rows in zip(names, counts, strict=True) if rows}


def _notes(job: Job, run: Mapping[str, Any]) -> tuple[str, ...]:
    notes = []
    if erased := sum(line["rows_erased"] for line in run["ledger"]):
        notes.append(
            f"{erased} rows of the run were erased since; where the source still has them, they count as new."
        )
    if job.sha256 != run["job_sha256"]:
        notes.append(
            f"{job.name}.toml has changed since; what it says of the contract may reject other rows now."
        )
    return tuple(notes)


def _enter(database_url: str, done: Recheck) -> None:
    values = {
        "run_id": done.run_id,
        "rows_now": done.rows_now,
        "rejected": done.rows_rejected,
        "appeared": done.rows_new,
        "gone": done.rows_gone,
        "changed": done.rows_changed,
        "doubled": done.entities_doubled,
        "columns": json.dumps(done.columns),
    }
    remedy = "Run `scoring migrate`, and make the connection's role a member of scoring_writer."
    with postgres_errors.translated_errors("predictions", RecheckError, {"42": remedy}):
        waiting.patiently(
            database_url,
            f"entering the source of run {done.run_id}",
            lambda connection: connection.execute(sa.text(_SQL["enter"]), values),
        )
