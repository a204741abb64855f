"""Replay a published run through a running API: every row again, as a client sends it, and every bit compared."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import queries, statements
from pipeline.databases.postgres import engine
from pipeline.databases.queries import Query
from pipeline.errors import NothingToDo
from pipeline.inspection.differences import Difference
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.runs import archive
from pipeline.runs.archive import ArchivedPart
from pipeline.runs.code_version import sha256_of
from pipeline.serving.parity import rejected, values
from pipeline.serving.parity.asking import Asked, ParityError, asking
from pipeline.serving.parity.comparison import Comparison, Rejection
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("serving/parity")


@dataclass(frozen=True)
class Parity:
    """What a replay came to.

    Attributes:
        run_id: the run.
        job: its job.
        score_date: the day whose rows it scored.
        model: name and version.
        rows_scored: rows with a published score that were asked again.
        rows_rejected: rows that had been rejected.
        differing: values and rejections that are not the same.
        rounded: how many of them differ in their last bits alone.
        differences: the first of them.
        certificate: the number under which the database has this.
    """

    run_id: int
    job: str
    score_date: str
    model: str
    rows_scored: int
    rows_rejected: int
    differing: int
    rounded: int
    differences: Sequence[Difference]
    certificate: int


def replay(
    workspace: Workspace,
    job: Job,
    score_date: date,
    url: str,
    token: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Ask an API for every row of a score date's published run, compare, and enter a certificate.

    Rows that were scored come from the run's parts. Those that the contract rejected are in no part: they are read from
    the warehouse again.

    Raises:
        NothingToDo: no run of that score date is published.
        ParityError: the API cannot be asked, or the run not be replayed.
        ModelError: the model that scored is not registered any more.
        PartError: a part is missing or altered.
        WarehouseError: the database refused the query.
    """
    run = _published(workspace.predictions, job.name, score_date)
    query = _query(workspace, job, run) if run["rows_rejected"] else None
    pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    comparison = Comparison(published=_rejections(workspace.predictions, run))
    with asking(url, token, job.name, pinned) as api:
        files = archive.parts_of(run)
        for done, (part, then) in enumerate(_parts(workspace.predictions, run, files)):
            progress(done, len(files))
            batches = parts.read(workspace.store, part.input.path, part.input)
            again = (line for batch in batches for line in _again(batch, api, pinned, str(score_date)))
            comparison.scores(part.number, then, list(again))
        if query:
            rows = rejected.rows(
                workspace.warehouse, query, set(comparison.published), pinned.manifest.contract
            )
            for group in rejected.groups(rows, api.rows):
                comparison.rejections(api.score(group, str(score_date)))
        digests = comparison.end()
    certificate = _certify(workspace.predictions, run, api, comparison, digests)
    return Parity(
        run["run_id"],
        job.name,
        str(score_date),
        pinned.manifest.label,
        comparison.rows,
        run["rows_rejected"],
        comparison.differing,
        comparison.rounded,
        comparison.differences,
        certificate,
    )


def _certify(
    database_url: str, run: Mapping[str, Any], api: Asked, comparison: Comparison, digests: tuple[str, str]
) -> int:
    """Enter what a replay came to; gives the number of the certificate."""
    certificate = {
        **{
            name: run[name]
            for name in ("run_id", "model_name", "model_version", "model_sha256", "rows_rejected")
        },
        "code_version": api.code_version,
        "pipeline_version": api.pipeline_version,
        "rows_scored": comparison.rows,
        "differences": comparison.differing,
        "published_sha256": digests[0],
        "served_sha256": digests[1],
    }
    with engine(database_url).begin() as connection:
        return int(connection.execute(sa.text(_SQL["enter"]), certificate).scalar_one())


def _published(database_url: str, job: str, score_date: date) -> dict[str, Any]:
    """The row of the published run, with its ledger, where all of its rows can be had again."""
    with engine(database_url).connect() as connection:
        values = {"job": job, "score_date": score_date}
        run_id = connection.execute(sa.text(_SQL["published"]), values).scalar_one_or_none()
    if run_id is None:
        raise NothingToDo(f"{job} {score_date}: no run is published, so there is nothing to replay")
    run = archive.run(database_url, run_id)
    where = f"{job} {score_date}: run {run_id} cannot be replayed:"
    if run["source_run_id"] is not None:
        raise ParityError(
            f"{where} it serves the scores of run {run['source_run_id']}, of another score date."
        )
    if run["parts_pruned_at"] is not None:
        raise ParityError(f"{where} its parts had their time (retention.parts_days).")
    if run["rejected_pruned_at"] is not None:
        raise ParityError(f"{where} its rejected rows had their time (retention.rejected_days).")
    return run


def _query(workspace: Workspace, job: Job, run: Mapping[str, Any]) -> Query:
    """The query that gives the rejected rows again."""
    text = queries.read(workspace.home / "sql", job.extract.query)
    if sha256_of(text) != run["query_sha256"]:
        raise ParityError(
            f"{job.name} {run['score_date']}: {job.extract.query} is not the query that run {run['run_id']} read, so "
            "that its rejected rows cannot be read again. Score the date again, and replay that run."
        )
    # As one shard of one it gives every row.
    values = {**dates.query_values(run["score_date"], job.zone), "shard": 0, "shards": 1}
    return Query(text, values, job.extract.query)


def _rejections(database_url: str, run: Mapping[str, Any]) -> Counter[Rejection]:
    with engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["rejections"]), {"run_id": run["run_id"]}).all()
    return Counter({(row.entity_id, row.column_name, row.rule): row.rows for row in rows})


def _parts(
    database_url: str, run: Mapping[str, Any], files: Sequence[ArchivedPart]
) -> Iterator[tuple[ArchivedPart, pa.Table]]:
    """Each part of the ledger with its rows in the database."""
    values = {"run_id": run["run_id"], "score_date": run["score_date"]}
    with archive.by_part(database_url, Query(_SQL["rows"], values, "serving/parity.sql")) as stream:
        ahead = next(stream, None)
        for part in files:
            if ahead is not None and ahead[1] == part.number:
                yield part, ahead[2].select(SCORE_SCHEMA.names).cast(SCORE_SCHEMA)
                ahead = next(stream, None)
            else:
                yield part, SCORE_SCHEMA.empty_table()
        if ahead is not None:
            raise ParityError(
                f"the database has rows of part {ahead[1]} of run {run['run_id']}, which is not in the ledger. See "
                f"what was altered: scoring reproduce {run['run_id']}"
            )


def _again(batch: pa.RecordBatch, api: Asked, pinned: PinnedVersion, day: str) -> Iterator[dict[str, Any]]:
    """The answers to a batch of a part, as many rows in a request as the API takes."""
    for first in range(0, batch.num_rows, api.rows):
        rows = values.rows(batch.slice(first, api.rows), pinned.manifest.contract)
        yield from api.score(rows, day)
