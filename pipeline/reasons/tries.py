"""A run's reasons: begun where the database is, found where it is not, and kept where it is.

Whatever becomes of them, the run stays as it is: nothing here is waited for by a task that publishes.
"""

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements, waiting
from pipeline.errors import NothingToDo, kept_text
from pipeline.model import registry
from pipeline.reasons import explaining, sums
from pipeline.reasons.work import Outcome, PartWork, ReasonsError, Settings
from pipeline.runs import archive, folders
from pipeline.runs.archive import File
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError

_SQL = statements.load("reasons/tries")

log = logging.getLogger(__name__)

KILLED = (
    "A part's task was ended from outside, or by its memory. Its log is all that it left. Where memory ran out, lower "
    "extract.rows_per_part or give the worker more."
)
OVERTAKEN = "Another try has begun with other settings of [reasons], and only its reasons are kept."


def begin(workspace: Workspace, job: Job, run_id: int) -> list[PartWork]:
    """Note that a run's scores are being explained; returns its parts.

    Raises:
        NothingToDo: the job has no section [reasons], or this run gets none.
        LedgerError: the run was not scored whole.
        ModelError: its version may not be used.
        GroupError: a group names a column that its version does not take.
    """
    if job.reasons is None:
        raise NothingToDo(f"{job.name}.toml has no section [reasons]")
    run = archive.run(workspace.predictions, run_id)
    pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    least = _least(workspace, run, job.reasons.rows)
    settings = Settings.of(job.reasons, least, keep_values=job.contract.keep_values)
    settings.players(pinned.manifest)
    if refusal := _ask(workspace, run_id, _SQL["begin"], {"run_id": run_id, "settings": _text(settings)}):
        raise NothingToDo(f"no reasons of run {run_id}: {refusal}")
    features = {column.name for column in pinned.manifest.columns}
    pin = {
        "model_name": run["model_name"],
        "model_version": run["model_version"],
        "model_sha256": run["model_sha256"],
    }
    return [
        PartWork(
            run_id=run_id,
            job=job.name,
            score_date=run["score_date"],
            **pin,
            number=part.number,
            input_sha256=part.input.sha256,
            scored_sha256=part.scored.sha256,
            settings=settings,
            slices=tuple(name for name in job.slices if name in features),
            until=time.time() + 60 * job.reasons.time_limit_minutes,
        )
        for part in archive.parts_of(run)
    ]


def end(workspace: Workspace, work: Sequence[PartWork], outcomes: Sequence[Outcome | None]) -> str:
    """Keep what was found of a run, all in one transaction; returns why it is not everything, empty where it is.

    Args:
        workspace: folders, store and databases.
        work: what `begin` returned.
        outcomes: what became of each part; None of one whose task left nothing.
    """
    run_id, ref = work[0].run_id, RunRef.of(work[0])
    done = [outcome for outcome in outcomes if outcome]
    failures = [outcome.failure for outcome in done if outcome.failure]
    failure = failures[0] if failures else "" if len(done) == len(work) else KILLED

    def keep(connection: sa.Connection) -> str:
        return _keep(connection, workspace.store, work, done, failure)

    try:
        why = waiting.patiently(workspace.predictions, f"keeping the reasons of run {run_id}", keep)
    except ReasonsError as error:  # the files may be the other try's by now
        log.warning("run %s: %s", run_id, error)
        return str(error)
    except PartError as error:  # a file of them was lost, or altered
        why = kept_text(error)
        _ask(workspace, run_id, _SQL["end"], _ended(run_id, [], why))
    # The database has them now: an erasure has to find them in one place.
    for part in work:
        folders.discard(workspace.store, ref.reasons(part.number))
        folders.discard(workspace.store, ref.contributions(part.number))
    if why:
        log.warning("run %s: its reasons are not complete: %s", run_id, why)
    return why


def whole(workspace: Workspace, job: Job, run_id: int) -> str:
    """Explain a run's scores, in one go; returns why not all of them were, empty where they were.

    Raises:
        ScoringError: as `begin` does.
    """
    work = begin(workspace, job, run_id)
    return end(workspace, work, [explaining.attempt(workspace, part) for part in work])


def _keep(
    connection: sa.Connection, store: str, work: Sequence[PartWork], done: Sequence[Outcome], failure: str
) -> str:
    """Enter reasons and end the try; returns why they are not all. One that another has overtaken is refused."""
    run_id, ref = work[0].run_id, RunRef.of(work[0])
    values = {"run_id": run_id, "parts": [part.number for part in work]}
    values["inputs"] = [part.input_sha256 for part in work]
    if refusal := connection.execute(sa.text(_SQL["open"]), values).scalar_one():
        connection.execute(sa.text(_SQL["end"]), _ended(run_id, [], refusal))
        return str(refusal)
    asked = {"run_id": run_id, "settings": _text(work[0].settings)}
    if not connection.execute(sa.text(_SQL["settings"]), asked).scalar_one():
        raise ReasonsError(OVERTAKEN)  # the transaction gives back what it deleted
    for outcome in done:
        for rows in _chunks(store, ref, outcome):
            connection.execute(sa.text(_SQL["enter"]), {"run_id": run_id, "part": outcome.number, **rows})
    connection.execute(sa.text(_SQL["contributions"]), _contributions(store, ref, done, run_id))
    connection.execute(sa.text(_SQL["end"]), _ended(run_id, done, failure))
    return failure


def _text(settings: Settings) -> str:
    return json.dumps(settings.json_value(), sort_keys=True)


def _least(workspace: Workspace, run: dict[str, Any], rows: float) -> float | None:
    """The least score that gets reasons, of a share of the rows with the highest; None where all do."""
    if rows == 1:
        return None
    number = math.ceil(rows * run["rows_scored"])
    values = {"run_id": run["run_id"], "score_date": run["score_date"], "number": number}
    with postgres.engine(workspace.predictions).connect() as connection:
        least: float | None = connection.execute(sa.text(_SQL["least"]), values).scalar_one()
    return least


def _chunks(store: str, ref: RunRef, outcome: Outcome) -> Iterator[dict[str, list[Any]]]:
    """A part's reasons, as many at a time as a group of a file's rows has."""
    if outcome.reasons:
        for batch in parts.read(store, ref.reasons(outcome.number), File("", outcome.reasons)):
            yield batch.to_pydict()


def _contributions(store: str, ref: RunRef, done: Sequence[Outcome], run_id: int) -> dict[str, Any]:
    batches: Iterator[pa.RecordBatch] = (
        batch
        for outcome in done
        if outcome.contributions
        for batch in parts.read(store, ref.contributions(outcome.number), File("", outcome.contributions))
    )
    rows = [
        (*key, each.entities, each.total / each.entities, each.total_size / each.entities, each.training_size)
        for key, each in sums.merged(batches).items()
    ]
    names = ("columns", "slices", "values", "entities", "means", "sizes", "training")
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return {"run_id": run_id, **dict(zip(names, columns, strict=True))}


def _ended(run_id: int, done: Sequence[Outcome], failure: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "background": next((outcome.background for outcome in done if outcome.background), None),
        "wanted": sum(outcome.wanted for outcome in done),
        "explained": sum(outcome.explained for outcome in done),
        "gap": max((outcome.gap for outcome in done), default=None),
        "why": failure or None,
    }


def _ask(workspace: Workspace, run_id: int, query: str, values: dict[str, Any]) -> str:
    """A function's answer: why it refuses, or nothing."""

    def work(connection: sa.Connection) -> str:
        return connection.execute(sa.text(query), values).scalar_one() or ""

    return waiting.patiently(workspace.predictions, f"noting the reasons of run {run_id}", work)
