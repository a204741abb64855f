"""Commands for the tokens of those who ask the API."""

from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import AsJson, Command, Commands, err, out, print_json, print_table
from pipeline.errors import UsageError
from pipeline.serving import tokens as kept

tokens = typer.Typer(
    cls=Commands, help="Who may ask the API (connection predictions_owner).", no_args_is_help=True
)

Client = Annotated[str, typer.Argument(metavar="CLIENT", help="The program or team that asks.")]


@tokens.command(cls=Command)
def add(
    client: Client,
    job: Annotated[
        list[str] | None,
        typer.Option(
            "--job", metavar="JOB", help="Good for this job only; may be repeated. Else for every job."
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="How long it lasts; until it is revoked unless given."),
    ] = None,
) -> None:
    """Make a token and print it: the database keeps its digest alone, and nobody sees it again."""
    names = {path.stem for path in context.dags().glob("*.toml")}
    for name in job or ():
        if name not in names:
            raise UsageError(f"no job {name!r}: it has no file in {context.dags()}. Correct the name.")
    print(kept.add(context.connection("predictions_owner"), client, job or [], days))
    err.print("Keep it: it is not shown again.", markup=False, highlight=False)


@tokens.command(cls=Command)
def revoke(
    client: Client,
    number: Annotated[
        int | None, typer.Option("--id", min=1, help="Only the token of that number, as `list` shows it.")
    ] = None,
) -> None:
    """Withdraw a client's tokens; the API refuses them within 5 s."""
    numbers = kept.revoke(context.connection("predictions_owner"), client, number)
    out.print(f"revoked {len(numbers)} of {client}", markup=False, highlight=False, soft_wrap=True)


@tokens.command("list", cls=Command)
def every(as_json: AsJson = False) -> None:
    """List the tokens that were made, the newest last; of each what it is good for."""
    rows = kept.every(context.connection("predictions_owner"))
    if as_json:
        print_json(rows)
        return
    print_table([{**row, "jobs": ", ".join(row["jobs"]) or "every job"} for row in rows])
