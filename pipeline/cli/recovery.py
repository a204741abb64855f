"""The command that makes a lost database's publications again."""

from datetime import date
from typing import Annotated

import typer

from pipeline import dates, places
from pipeline import job as jobs_of
from pipeline.commands import checkout
from pipeline.commands.console import FAILED, err, out, print_table
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
    from pipeline import identity
    from pipeline.rebuild import rebuild as make_again

    store = places.store()
    jobs = [checkout.job(name)] if name else jobs_of.read_all(checkout.dags())[0]
    archived = identity.jobs(store)
    if name is None:
        jobs = [job for job in jobs if job.name in archived]
    between = (_day(first, date.min), _day(last, date.max))
    if between[1] < between[0]:
        raise UsageError(f"{last} is before {first}. Give the first score date first.")
    refused = 0
    for job in jobs:
        uri = checkout.owner(f"{job.write.connection}_owner")
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
