"""Commands that say why an entity got its score."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, AsJson, err, fail, out, print_json, print_table
from pipeline.cli.runs import RunId
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError, named
from pipeline.runs import history
from pipeline.runs.publications import Held

Entity = Annotated[str, typer.Argument(metavar="ENTITY", help="Whose score, as the job's query names it.")]


def reasons(run_id: RunId, entity: Entity, as_json: AsJson = False) -> None:
    """Compute anew why an entity got its score in a run, and compare bit for bit with what is kept."""
    show(context.archive_workspace(), run_id, entity, as_json=as_json)


def explain(run_id: RunId) -> None:
    """Explain the scores of a run that is over, as its job's [reasons] says: of one from before, or once more."""
    predictions = context.connection("predictions")
    job = context.job(history.show(predictions, run_id)["job"])
    from pipeline.reasons import tries

    try:
        failure = tries.whole(context.workspace_of(job), job, run_id)
    except NothingToDo as refusal:  # well for a task, not for the person who wanted it explained
        if tries.is_explained(predictions, run_id):
            raise
        fail(refusal, FAILED)
    if failure:
        fail(failure, FAILED)
    out.print(f"run {run_id} is explained", markup=False)


def show(workspace: Workspace, run_id: int, entity: str, *, as_json: bool = False) -> None:
    """Print an entity's reasons, computed anew.

    Raises:
        Exit: they are not those that are kept.
    """
    from pipeline.reasons import anew

    computed = anew.of_entity(workspace, run_id, entity)
    if as_json:
        print_json({**asdict(computed), "equal": computed.equal})
    else:
        rows = computed.again
        _say(
            f"{entity} in run {run_id}: {_total(rows)}"
            if rows
            else f"{entity} in run {run_id}: nothing moved it"
        )
        print_table([{name: value for name, value in row.items() if name in _SHOWN} for row in rows])
        _say(_VERDICTS[computed.equal])
    if computed.equal is False:
        raise typer.Exit(FAILED)


def show_kept(workspace: Workspace, run_id: int, entity: str) -> None:
    """Print an entity's reasons, computed anew, where the run was explained."""
    from pipeline.reasons.work import ReasonsError

    try:
        show(workspace, run_id, entity)
    except ReasonsError:
        return  # it gets none, which is no finding of whoever asks for the score


@contextmanager
def also_held(workspace: Workspace, job: Job, day: date, trigger: str) -> Iterator[None]:
    """Have a run explained, if its job says so, where scoring ends with its hold: whoever decides may ask why."""
    try:
        yield
    except Held:
        after(workspace, job, history.triggered(workspace.predictions, job.name, day, trigger)["run_id"])
        raise


def after(workspace: Workspace, job: Job, run_id: int) -> None:
    """Have a run explained, if its job says so; whatever goes wrong with that is only said."""
    if job.reasons is None:
        return
    from pipeline.reasons import tries

    try:
        if failure := tries.whole(workspace, job, run_id):
            err.print(f"run {run_id} stays as it is, not all of it is explained: {failure}", markup=False)
        else:
            err.print(f"run {run_id} is explained", markup=False)
    except NothingToDo as nothing:
        err.print(str(nothing), markup=False)
    except (ScoringError, sa.exc.SQLAlchemyError, OSError) as error:
        err.print(
            f"run {run_id} stays as it is, and is not explained: {named(error, str(error))}", markup=False
        )


_SHOWN = ("rank", "column_name", "value", "contribution", "error", "is_certain")
_VERDICTS = {
    True: "equal to what is kept",
    False: "NOT equal to what is kept",
    None: "the database keeps no reasons of it",
}


def _total(rows: Sequence[dict[str, Any]]) -> str:
    base, others = rows[0]["base"], rows[0]["others"]
    total = base + sum(row["contribution"] for row in rows) + others
    return f"{total:.6g} on the score's scale: {base:.6g} of the background, {others:+.6g} of columns not listed, and"


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
