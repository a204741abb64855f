"""Commands for analysts: who reads which jobs, where they log in, and published predictions as a file."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, err, out, progress_bar
from pipeline.cli.context import JobName
from pipeline.config import dates, workspace
from pipeline.embedded import door
from pipeline.errors import UsageError
from pipeline.exports.files import Format
from pipeline.provisioning import analysts
from pipeline.provisioning.analysts import Reading

if TYPE_CHECKING:
    from pipeline.exports.export import Exported

Role = Annotated[str, typer.Argument(metavar="ROLE", help="A login of the predictions database, or a group.")]
ExportFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Where to write it; unless given JOB_FROM_TO.parquet here, or for CSV the standard output.",
        show_default=False,
    ),
]
Spreadsheet = Annotated[
    bool,
    typer.Option(
        "--spreadsheet", help="In CSV, put ' before text that a spreadsheet would run as a formula."
    ),
]


def grant_analyst(
    role: Role,
    job: Annotated[
        list[str] | None,
        typer.Option("--job", metavar="JOB", help="Only this job and others so granted; may be repeated."),
    ] = None,
) -> None:
    """Let a role read every job, or those named and no other (connection predictions_owner)."""
    owner, jobs = context.connection("predictions_owner"), job or []
    grantable = {path.stem for path in context.dags().glob("*.toml")} | analysts.with_runs(owner, jobs)
    for name in jobs:
        if name not in grantable:
            raise UsageError(
                f"no job {name!r}: it has neither a file in {context.dags()} nor a run. Correct the name."
            )
    _say(role, analysts.grant(owner, role, jobs))


def revoke_analyst(
    role: Role,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="JOB", help="Only this job; may be repeated.")
    ] = None,
) -> None:
    """Have a role read nothing more, or the named jobs no more (connection predictions_owner)."""
    _say(role, analysts.revoke(context.connection("predictions_owner"), role, job or []))


def export(
    name: JobName,
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first score date, YYYY-MM-DD.")],
    last: Annotated[
        str | None, typer.Argument(metavar="TO", help="The last score date; the first one unless given.")
    ] = None,
    kind: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.PARQUET,
    target: ExportFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Write published predictions of a range of score dates as Parquet or CSV, with the job's slices.

    The values of slices come from the run's parts in the store. They are empty where retention has removed the parts.
    """
    from pipeline.exports.export import Wanted
    from pipeline.exports.export import export as write

    job, between = context.job(name), dates.parse_range(first, last)
    path = target
    if path is None and kind is Format.PARQUET:
        path = Path(f"{job.name}_{between[0]}_{between[1]}.parquet")
    wanted = Wanted(job.name, *between, slices=job.slices, spreadsheet=spreadsheet)
    with progress_bar() as bar:
        task = bar.add_task("rows", total=None)
        try:
            exported = write(
                context.analyst(job.write.connection),
                workspace.store(),
                wanted,
                path,
                kind,
                force=force,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except BrokenPipeError:  # whoever read has read enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
    _print_exported(exported, path, wanted.spreadsheet, (between[1] - between[0]).days + 1)


def dsn() -> None:
    """Print the connection string of an analyst, for psql, pandas and BI tools.

    It is the one in SCORING_ANALYST, else that of the embedded database, which takes it while `make up` runs.
    """
    if uri := os.environ.get(context.ANALYST):
        print(uri)
        return
    if os.environ.get("AIRFLOW_CONN_PREDICTIONS"):
        raise UsageError(
            "no login of an analyst: AIRFLOW_CONN_PREDICTIONS is the pipeline's, which writes. "
            "Set SCORING_ANALYST=postgresql://user:password@host:5432/database"
        )
    folder = workspace.home() / ".local"
    print(door.address(folder).uri)
    if not door.is_open(folder):
        err.print("Nothing answers there now. Start it: make up", markup=False, highlight=False)


def _print_exported(done: "Exported", path: Path | None, spreadsheet: bool, days: int) -> None:
    for note in done.notes:
        err.print(note, markup=False, highlight=False, soft_wrap=True)
    if done.formulas and not spreadsheet:
        columns = ", ".join(sorted(done.formulas))
        err.print(
            f"A spreadsheet would run text in {columns} as a formula. For a spreadsheet, add --spreadsheet.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    missing = f"; nothing is published of the other {days - done.dates}" if days > done.dates else ""
    dates_of = f"{done.dates} score date{'s' if done.dates > 1 else ''}{missing}"
    line = f"wrote {path or 'CSV'}: {done.rows} rows of {dates_of}"
    (out if path else err).print(line, markup=False, highlight=False, soft_wrap=True)


def _say(role: str, reading: Reading) -> None:
    jobs = "every job" if reading.every else ", ".join(reading.jobs) or "nothing"
    out.print(f"{role} reads {jobs}", markup=False, highlight=False, soft_wrap=True)
