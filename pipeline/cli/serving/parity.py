"""The command that replays a published run through a running API."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, AsJson, err, out, print_json, print_table, progress_bar
from pipeline.cli.context import JobName
from pipeline.config import dates
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.serving.parity.replay import Parity

# A token in a command's arguments would be in every list of processes.
TOKEN = "SCORING_API_TOKEN"  # noqa: S105 - the name of a variable


def parity(
    name: JobName,
    day: Annotated[str, typer.Argument(metavar="DATE", help="A published score date, YYYY-MM-DD.")],
    url: Annotated[str, typer.Option(metavar="URL", help="Where the API answers.")] = "http://127.0.0.1:8090",
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help=f"A token for it; better in {TOKEN}.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a published run through a running API: every score, label and rejection is compared bit for bit.

    It enters a certificate of what it came to, and ends with 1 where anything differs.
    """
    from pipeline.serving.parity.replay import replay

    job = context.job(name)
    if not (bearer := token or os.environ.get(TOKEN, "")):
        raise UsageError(
            f"no token for {url}. Make one with `scoring tokens add CLIENT`, and set {TOKEN} to it."
        )
    with progress_bar() as bar:
        task = bar.add_task("parts", total=None)
        done = replay(
            context.workspace_of(job),
            job,
            dates.parse(day),
            url,
            bearer,
            lambda ended, total: bar.update(task, completed=ended, total=total),
        )
    if as_json:
        print_json(asdict(done))
    else:
        _print(done)
    if done.differing:
        raise typer.Exit(FAILED)


def _print(done: "Parity") -> None:
    _say(
        f"run {done.run_id} of {done.job} {done.score_date}, {done.model}: {done.rows_scored} rows scored and "
        f"{done.rows_rejected} rejected, asked again"
    )
    if done.differences:
        print_table([_line(asdict(difference)) for difference in done.differences])
    if done.rounded:
        err.print(
            f"{done.rounded} of them differ in their last bits alone: those of this model depend on how many rows "
            "are scored together.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    verdict = f"{done.differing} DIFFERENCES" if done.differing else "the same, bit for bit"
    _say(f"{verdict}; certificate {done.certificate}")


def _line(row: dict[str, object]) -> dict[str, object]:
    """A difference with all the digits that tell one float from another."""
    exact = {name: None if row[name] is None else str(row[name]) for name in ("then", "now")}
    return {
        "entity_id": row["entity_id"],
        "column": row["column"],
        "published": exact["then"],
        "API": exact["now"],
    }


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
