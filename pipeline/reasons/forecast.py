"""What reasons would cost a job: one block is explained, and the time that it took is held against the limit."""

import time

import sqlalchemy as sa

from pipeline.attribution import background
from pipeline.attribution.explainer import Explainer
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.errors import NothingToDo
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.reasons import explaining
from pipeline.reasons.work import Settings

_SQL = statements.load("reasons/kept")


def describe(workspace: Workspace, job: Job, model: Model) -> str:
    """How long an entity's reasons take, and those of as many rows as the last published run has.

    Args:
        workspace: folders, store and databases.
        job: with a section `[reasons]`.
        model: the job's, loaded.

    Raises:
        NothingToDo: the job has no such section.
        GroupError: a group names a column that the model does not take.
        ModelError: the model's reference is missing or altered.
    """
    if job.reasons is None:
        raise NothingToDo(f"{job.name}.toml has no section [reasons]")
    pinned = registry.resolve(workspace.home, job.model.name, job.model.alias)
    settings = Settings.of(job.reasons, None, keep_values=job.contract.keep_values)
    players = settings.players(pinned.manifest)
    explainer = Explainer.of(model, players, background.load(pinned, model), settings.orders)
    began = time.monotonic()
    block = next(explaining.training(pinned, explainer))
    seconds = (time.monotonic() - began) / block.rows.num_rows
    share = job.reasons.rows
    limit = int(60 * job.reasons.time_limit_minutes / seconds)
    sentence = (
        f"the {job.reasons.top} largest of {len(players)} columns, over {job.reasons.orders} orders; an entity takes "
        f"{1000 * seconds:.3g} ms of one processor, so that the time limit is enough for {limit:,} on one"
    )
    if rows := _last(workspace, job.name):
        sentence += f"; {rows * share:,.0f} as in the last run take {rows * share * seconds:,.0f} s"
    return sentence


def _last(workspace: Workspace, job: str) -> int | None:
    """How many rows the last published run has scored."""
    try:
        with postgres.engine(workspace.predictions).connect() as connection:
            rows: int | None = connection.execute(sa.text(_SQL["last"]), {"job": job}).scalar_one_or_none()
    except sa.exc.SQLAlchemyError:  # another line of `check` says what is wrong with the database
        return None
    return rows
