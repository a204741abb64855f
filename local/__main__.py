"""A local Airflow for this checkout: `python -m local demo|up|down|psql`, or the Makefile's targets."""

import logging
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from local import demo as commands
from local import seed
from local.airflow_environment import Place
from local.processes import exit_on_signals
from pipeline.config import workspace
from pipeline.errors import ScoringError, unwritable

app = typer.Typer(
    help="A real Airflow with an embedded Postgres, for this checkout alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Port = Annotated[str | None, typer.Option(help="Port of the web UI; else 8080, or any that is free.")]


@app.command()
def demo(port: Port = None) -> None:
    """Score five dates of real flights under a real scheduler, and tell what became of each."""
    commands.demo(_place(), port)


@app.command()
def up(port: Port = None) -> None:
    """Run Airflow in the foreground until Ctrl-C."""
    commands.up(_place(), port)


@app.command()
def down() -> None:
    """Stop what runs of this checkout, also what a crash left."""
    commands.down(_place())


@app.command(context_settings={"ignore_unknown_options": True})
def psql(arguments: Annotated[list[str] | None, typer.Argument(help="Arguments of psql.")] = None) -> None:
    """Query the predictions, as an analyst."""
    raise typer.Exit(seed.psql(_place(), arguments or []))


def main() -> None:
    """Run a command. What a person can put right ends with its message and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    exit_on_signals()
    try:
        app()
    except (ScoringError, RuntimeError) as error:
        _fail(str(error))
    except OSError as error:
        if (sentence := unwritable(error)) is None:
            raise
        _fail(
            f"{sentence} A checkout's Airflow is for the one user who may write {workspace.home() / '.local'}."
        )


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)


def _place() -> Place:
    return Place.of(workspace.home())


if __name__ == "__main__":
    main()
