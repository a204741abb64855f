"""What reasons would cost a job: a block is explained, and the processor's time for it is held against the limit."""

from typing import Literal

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
from pipeline.runtime import clock

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
    settings = Settings.of(job.reasons, keep_values=job.contract.keep_values)
    players = settings.players(pinned.manifest)
    explainer = Explainer.of(model, players, background.load(pinned, model), settings.orders)
    # Not by the clock, which goes on while others have the processor.
    began = clock.processor_seconds()
    block = next(explaining.training(pinned, explainer))
    seconds = (clock.processor_seconds() - began) / block.rows.num_rows
    limit = int(60 * job.reasons.time_limit_minutes / seconds)
    sentence = (
        f"the {min(job.reasons.top, len(players))} largest of {len(players)} columns, over "
        f"{job.reasons.orders} orders; an entity takes {1000 * seconds:.3g} ms of one processor, so that the time "
        f"limit is enough for {limit:,} on one"
    )
    if rows := _last(workspace, job.name):
        number, most = _wanted(rows, job.reasons.rows)
        sentence += f"; {most}{number:,.0f} as in the last run take {most}{number * seconds:,.0f} s"
    return sentence


def _last(workspace: Workspace, job: str) -> int | None:
    """How many rows the last published run has scored."""
    try:
        with postgres.engine(workspace.predictions).connect() as connection:
            rows: int | None = connection.execute(sa.text(_SQL["last"]), {"job": job}).scalar_one_or_none()
    except sa.exc.SQLAlchemyError:  # another line of `check` says what is wrong with the database
        return None
    return rows


def _wanted(rows: int, wanted: float | Literal["changed"]) -> tuple[float, str]:
    """How many of so many rows get reasons, and what to say before that: nobody knows yet how many will change."""
    return (rows, "at most ") if wanted == "changed" else (rows * wanted, "")
