"""The command that makes a lost database's publications again."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, err, out, print_table
from pipeline.config import dates, loader, workspace
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.recovery.rebuild import Rebuilt


def rebuild(
    name: Annotated[
        str | None, typer.Argument(metavar="JOB", help="Only this job's; else every job's.")
    ] = None,
    first: Annotated[
        str | None, typer.Argument(metavar="FROM", help="The first score date; else the first of all.")
    ] = None,
    last: Annotated[
        str | None, typer.Argument(metavar="TO", help="The last score date; else the last of all.")
    ] = None,
    adopt_store: Annotated[
        bool,
        typer.Option("--adopt-store", help="The database is new and empty, and takes the lost one's place."),
    ] = False,
) -> None:
    """Make a lost database's publications again from the archived parts (connection predictions_owner)."""
    from pipeline.recovery.rebuild import rebuild as make_again
    from pipeline.runs import store_identity

    store = workspace.store()
    jobs = [context.job(name)] if name else loader.read_all(context.dags())[0]
    archived = store_identity.jobs(store)
    if name is None:
        jobs = [job for job in jobs if job.name in archived]
    between = _between(first, last)
    refused = 0
    for job in jobs:
        database_url = context.owner(f"{job.write.connection}_owner")
        with out.status(job.name) as status:

            def show(day: date, name: str = job.name) -> None:
                status.update(f"{name} {day}")

            rebuilt = make_again(database_url, store, job.name, between, adopt=adopt_store, progress=show)
        _print(job.name, rebuilt)
        refused += len(rebuilt.refused)
    if name is None:
        _print_left_alone(set(archived) - {job.name for job in jobs})
    if refused:
        raise typer.Exit(FAILED)


def _print(job: str, rebuilt: "Rebuilt") -> None:
    if rebuilt.runs:
        print_table(
            [
                {"job": item.job, "score date": item.score_date, "run": item.run_id,
                 "status": item.status, "rows loaded": item.rows}
                for item in rebuilt.runs
            ]
        )  # fmt: skip
    else:
        out.print(f"{job}: nothing is missing", markup=False)
    for line in rebuilt.notes:
        err.print(line, highlight=False, markup=False, soft_wrap=True)
    for line in rebuilt.refused:
        err.print(line, style="red", highlight=False, markup=False, soft_wrap=True)


def _print_left_alone(jobs: Iterable[str]) -> None:
    for job in sorted(jobs):
        err.print(
            f"{job}: the store has runs of it, and dags/ has no job file that can be used. Left alone.",
            markup=False,
            soft_wrap=True,
        )


def _between(first: str | None, last: str | None) -> tuple[date, date]:
    between = (
        date.min if first is None else dates.parse(first),
        date.max if last is None else dates.parse(last),
    )
    if between[1] < between[0]:
        raise UsageError(f"{last} is before {first}. Give the first score date first.")
    return between
