"""A run has failed, and its job says what stands in for it: other scores, marked as such in every row."""

import logging
from datetime import date

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements, waiting
from pipeline.errors import NothingToDo, ScoringError, UsageError
from pipeline.model import manifest, registry
from pipeline.payloads import RunRequest
from pipeline.runs import receipts, store_identity
from pipeline.store.layout import RunRef
from pipeline.tasks.run import score

_SQL = statements.load("tasks/fallback")

log = logging.getLogger(__name__)

# The alias of the version that served before the champion.
PREVIOUS = "champion_previous"


class FallbackError(ScoringError):
    """Nothing could be served in place of a failed run."""


def serve(workspace: Workspace, job: Job, score_date: date, *, trigger: str, reason: str) -> str:
    """Publish what the job names as its fallback, unless a run of the model is published.

    Args:
        workspace: folders, store and databases.
        job: what was to be scored.
        score_date: the day whose run failed.
        trigger: what started the run.
        reason: why it is done, kept with the move of the pointer.

    Returns:
        what analysts see of the day now, in a sentence.

    Raises:
        UsageError: the job has no fallback.
        FallbackError: no earlier day is published.
        ScoringError: the previous model's run failed as well, or was held.
    """
    if job.fallback == "none":
        raise UsageError(
            f'{job.name}.toml: key fallback is "none", so nothing stands in for a run that failed. '
            f'Set fallback = "last_published" or "{PREVIOUS}".'
        )
    shown = _shown(workspace.predictions, job, score_date)
    if shown is None or shown["served_by"] != "model":
        trigger = f"{trigger} fallback"
        if job.fallback == "last_published":
            _serve_last(workspace, job, score_date, trigger, reason)
        else:
            _score_previous(workspace, job, score_date, trigger)
        shown = _shown(workspace.predictions, job, score_date)
    return _describe(job, score_date, shown)


def meanwhile(database_url: str, job: Job, score_date: date) -> str:
    """What analysts see of a day whose run is held, in a sentence."""
    shown = _shown(database_url, job, score_date)
    if job.fallback == "none" or shown is None:
        return "Analysts keep what they have."
    return f"{_describe(job, score_date, shown)}."


def previous(workspace: Workspace, job: Job) -> manifest.PinnedVersion:
    """The version that serves when the champion cannot.

    Raises:
        ModelError: there is none.
    """
    return registry.resolve(workspace.home, job.model.name, PREVIOUS)


def _serve_last(workspace: Workspace, job: Job, score_date: date, trigger: str, reason: str) -> None:
    values = {"job": job.name, "score_date": score_date, "trigger": trigger, "reason": reason}
    database = _admitted(workspace, job)

    def serve_last(connection: sa.Connection) -> None:
        done = connection.execute(sa.text(_SERVE_LAST), values).one()
        if done.refusal is not None:
            raise FallbackError(f"{done.refusal}. Put right what failed, and clear the failed task.")
        connection.execute(sa.text("SELECT scoring.summarize(:score_date)"), values)
        if database and connection.execute(sa.text(_NEW), {"run_id": done.served}).scalar_one():
            store_identity.claim(workspace.store, database, done.served)
            ref = RunRef(job.name, score_date, done.served)
            receipts.archive(connection, workspace.store, ref, rejected=None)

    waiting.patiently(workspace.predictions, f"serving {job.name} {score_date}", serve_last)
    receipts.follow(workspace.predictions, workspace.store, job.name)


def _admitted(workspace: Workspace, job: Job) -> store_identity.Database | None:
    """The database, as its store admits it; None where the store does not answer, which may be why the run failed."""
    try:
        return store_identity.admit(workspace.store, job.name, workspace.predictions)
    except OSError as error:
        log.warning("%s: the store has no record of this fallback, which `rebuild` cannot make again", error)
        return None


def _score_previous(workspace: Workspace, job: Job, score_date: date, trigger: str) -> None:
    try:
        request = RunRequest(trigger=trigger, served_by="champion_previous")
        score(workspace, job, score_date, request, pinned=previous(workspace, job))
    except NothingToDo as nothing:
        # An earlier try has served it, or the day has no rows: the sentence says what is shown.
        log.info("%s", nothing)


def _shown(database_url: str, job: Job, score_date: date) -> sa.RowMapping | None:
    with postgres.engine(database_url).connect() as connection:
        values = {"job": job.name, "score_date": score_date}
        return connection.execute(sa.text(_SQL["shown"]), values).mappings().one_or_none()


def _describe(job: Job, score_date: date, shown: sa.RowMapping | None) -> str:
    if shown is None:
        return f"{job.name} {score_date}: nothing is published"
    what = f"{job.name} {score_date}: analysts see run {shown['run_id']}"
    if shown["served_by"] == "model":
        return f"{what}, which its own run published before"
    if shown["served_by"] == "last_published":
        days = shown["staleness_days"]
        return (
            f"{what}, the scores of {shown['source_date']} again ({days} day{'s' * (days > 1)} old), "
            "marked served_by = 'last_published'"
        )
    return (
        f"{what}, scored by {shown['model_name']} version {shown['model_version']}, "
        f"marked served_by = '{PREVIOUS}'"
    )


_SERVE_LAST = "SELECT * FROM scoring.serve_last_published(:job, :score_date, :trigger, :reason)"
# An earlier try may have served it.
_NEW = "SELECT started_at = transaction_timestamp() FROM scoring.scoring_runs WHERE run_id = :run_id"
