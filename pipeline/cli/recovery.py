"""The command that makes a lost database's publications again."""

from datetime import date
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, err, out, print_table
from pipeline.config import dates, loader, workspace
from pipeline.errors import UsageError


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
    between = (_day(first, date.min), _day(last, date.max))
    if between[1] < between[0]:
        raise UsageError(f"{last} is before {first}. Give the first score date first.")
    refused = 0
    for job in jobs:
        uri = context.owner(f"{job.write.connection}_owner")
        with out.status(f"{job.name}") as status:
            done = make_again(
                uri,
                store,
                job.name,
                between,
                adopt=adopt_store,
                progress=lambda day, name=job.name: status.update(f"{name} {day}"),  # type: ignore[misc]
            )
        if done.runs:
            print_table(
                [
                    {"job": item.job, "score date": item.score_date, "run": item.run_id,
                     "status": item.status, "rows loaded": item.rows}
                    for item in done.runs
                ]
            )  # fmt: skip
        else:
            out.print(f"{job.name}: nothing is missing", markup=False)
        for line in done.notes:
            err.print(line, highlight=False, markup=False, soft_wrap=True)
        for line in done.refused:
            err.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
        refused += len(done.refused)
    if name is None:
        for other in sorted(set(archived) - {job.name for job in jobs}):
            err.print(
                f"{other}: the store has runs of it, and dags/ has no job file that can be used. Left alone.",
                markup=False,
                soft_wrap=True,
            )
    if refused:
        raise typer.Exit(FAILED)


def _day(value: str | None, otherwise: date) -> date:
    return otherwise if value is None else dates.parse(value)
