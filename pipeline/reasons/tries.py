"""A run's reasons: begun where the database is, found where it is not, and kept where it is.

Whatever becomes of them, the run stays as it is: nothing here is waited for by a task that publishes.
"""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements, waiting
from pipeline.errors import NothingToDo, kept_text
from pipeline.model import registry
from pipeline.reasons import changes, explaining, keeping
from pipeline.reasons.work import Outcome, PartWork, ReasonsError, Settings
from pipeline.runs import archive, folders
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError

_SQL = statements.load("reasons/tries")

log = logging.getLogger(__name__)

KILLED = (
    "A part's task was ended from outside, or by its memory. Its log is all that it left. Where memory ran out, lower "
    "extract.rows_per_part or give the worker more."
)


def begin(workspace: Workspace, job: Job, run_id: int) -> list[PartWork]:
    """Note that a run's scores are being explained; returns its parts.

    Raises:
        NothingToDo: the job has no section [reasons], or this run gets none.
        LedgerError: the run was not scored whole.
        ModelError: its version may not be used.
        GroupError: a group names a column that its version does not take.
        OSError: the store takes no file.
    """
    if job.reasons is None:
        raise NothingToDo(f"{job.name}.toml has no section [reasons]")
    run = archive.run(workspace.predictions, run_id)
    settings = _settings(workspace, job, job.reasons, run)
    asked = {"run_id": run_id, "settings": settings.text}
    if refusal := keeping.ask(workspace, run_id, _SQL["begin"], asked):
        raise NothingToDo(f"nothing of run {run_id} to explain: {refusal}")
    files = archive.parts_of(run)
    try:
        pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
        settings.players(pinned.manifest)
        chosen = changes.save(workspace, run, settings.since, files) if settings.since else {}
    except Exception as error:  # it is noted, or the try would stand there as one that is at work
        keeping.fail(workspace, run_id, kept_text(error))
        raise
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
            chosen_sha256=chosen.get(part.number, ""),
            settings=settings,
            slices=tuple(name for name in job.slices if name in features),
            until=time.time() + 60 * job.reasons.time_limit_minutes,
        )
        for part in files
    ]


def end(workspace: Workspace, work: Sequence[PartWork], outcomes: Sequence[Outcome | None]) -> str:
    """Keep what was found of a run, all in one transaction; returns why it is not everything, empty where it is.

    A part whose files are lost or altered takes nothing of the others with it. A try that fails keeps what it has only
    where the try before had explained fewer entities.

    Args:
        workspace: folders, store and databases.
        work: what `begin` returned.
        outcomes: what became of each part; None of one whose task left nothing.
    """
    run_id, ref = work[0].run_id, RunRef.of(work[0])
    done = [keeping.checked(workspace.store, ref, outcome) for outcome in outcomes if outcome]
    failures = [outcome.failure for outcome in done if outcome.failure]
    failure = failures[0] if failures else "" if len(done) == len(work) else KILLED

    def keep(connection: sa.Connection) -> str:
        return keeping.keep(connection, workspace.store, work, done, failure)

    try:
        why = waiting.patiently(workspace.predictions, f"keeping the reasons of run {run_id}", keep)
    except ReasonsError as error:  # the files may be the other try's by now
        log.warning("run %s: %s", run_id, error)
        return str(error)
    except (
        PartError,
        sa.exc.DBAPIError,
    ) as error:  # a file was lost since it was checked, or the database refuses it
        if not isinstance(error, PartError) and not keeping.is_refusal(error):
            raise
        why = kept_text(error)
        keeping.fail(workspace, run_id, why)
    # The database has them now: an erasure has to find them in one place.
    for part in work:
        for path in (ref.chosen(part.number), ref.reasons(part.number), ref.contributions(part.number)):
            folders.discard(workspace.store, path)
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


def is_explained(database_url: str, run_id: int) -> bool:
    """Whether a run was explained to the end."""
    with postgres.engine(database_url).connect() as connection:
        return connection.execute(sa.text(_SQL["explained"]), {"run_id": run_id}).first() is not None


def _settings(workspace: Workspace, job: Job, section: ReasonsSection, run: dict[str, Any]) -> Settings:
    """How a run is explained: the section, with what its `rows` comes to for this run.

    Raises:
        NothingToDo: no entity can have changed.
    """
    keep_values = job.contract.keep_values
    if section.rows == "changed":
        return Settings.of(section, keep_values=keep_values, since=changes.since(workspace, run))
    return Settings.of(section, keep_values=keep_values, least=_least(workspace, run, section.rows))


def _least(workspace: Workspace, run: dict[str, Any], rows: float) -> float | None:
    """The least score that gets reasons, of a share of the rows with the highest; None where all do."""
    if rows == 1:
        return None
    number = math.ceil(rows * run["rows_scored"])
    values = {"run_id": run["run_id"], "score_date": run["score_date"], "number": number}
    with postgres.engine(workspace.predictions).connect() as connection:
        least: float | None = connection.execute(sa.text(_SQL["least"]), values).scalar_one()
    return least
