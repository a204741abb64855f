"""Commands that begin something: a repository, a job, a version's environment; and what a job file may hold.

And which version this is.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import Command, Commands, out
from pipeline.config import loader, workspace
from pipeline.config.fields import LAST_VERSION
from pipeline.runs.code_version import code_version
from pipeline.scaffolding import job_files, repository
from pipeline.version import NAME, VERSION

new = typer.Typer(cls=Commands, help="Write the first files of something.", no_args_is_help=True)
environments = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
)


@environments.callback()
def of_versions() -> None:
    """The environments in which versions run that need other libraries."""  # one command alone would be no group


def _version(asked: bool) -> None:
    if asked:
        print(f"{NAME} {VERSION}, code {code_version()}")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print name, version and the code's digest."
        ),
    ] = False,
) -> None:
    """Take the options that stand before every command."""


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A new or an empty folder.", show_default=False)
    ],
) -> None:
    """Lay out a repository for your jobs, queries and models: for Airflow, Docker and this command line."""
    names = repository.make(folder)
    _say(
        f"laid out {folder}: {len(names)} files. README.md says what is where; .env holds new passwords.\n\n"
        f"Next:\n  cd {folder}\n  scoring new job NAME"
    )


@new.command(cls=Command)
def job(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A lower-case word: the name of the job, its model and its DAG.",
            show_default=False,
        ),
    ],
) -> None:
    """Write a job file, its queries and a training script, to be filled in; and say what comes next."""
    home = workspace.home()
    names = job_files.make(home, name, datetime.now(UTC).date())
    for file in names:
        _say(f"wrote {home / file}")
    _say(
        "\nNext:\n"
        "  1. Fill in the names in capitals in the job file, the queries and the script.\n"
        "  2. Name your warehouse: export AIRFLOW_CONN_WAREHOUSE=postgres://user:password@host:5432/database\n"
        "     or duckdb:////folder/file.duckdb, or sqlite:////folder/file.db\n"
        "  3. scoring migrate\n"
        f"  4. python {home / 'models' / name / 'train.py'} FIRST LAST, and then the command that it prints\n"
        f"  5. scoring check {name} --date DATE\n"
        f"  6. scoring score {name} DATE"
    )


@environments.command(cls=Command)
def build(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A job, whose model it is; or a model. Else every job's."),
    ] = None,
    version: Annotated[
        int | None,
        typer.Argument(metavar="VERSION", min=1, max=LAST_VERSION, help="A version of that model; else all."),
    ] = None,
) -> None:
    """Make the environments of versions ahead of their first run, as for an image without a network.

    A version whose libraries are those installed needs none. The others' are made by uv from requirements.lock.
    """
    from pipeline.registration import surroundings

    for made in surroundings.build(workspace.home(), loader.read_all(context.dags())[0], name, version):
        _say(made)


def schema() -> None:
    """Print the JSON Schema of a job file, for editors and for checks before a commit."""
    print(job_files.schema_text(), end="")


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
