"""Commands about registered versions: one is promoted on evidence, and shown with what is known of it."""

from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from pipeline.cli import context
from pipeline.cli.console import out, progress_bar, write_file
from pipeline.cli.score import By
from pipeline.config import dates, fields, workspace
from pipeline.config.job import Job
from pipeline.errors import ScoringError, UsageError
from pipeline.tasks.date_range import days_of

Model = Annotated[str, typer.Argument(metavar="NAME", help="The model's name: a folder below models/.")]


def promote(
    name: Model,
    by: By,
    version: Annotated[
        int | None,
        typer.Argument(metavar="VERSION", min=1, max=fields.LAST_VERSION, help="The version to promote."),
    ] = None,
    jobs: Annotated[
        list[str] | None,
        typer.Option(
            "--job", help="A job that gives evidence; may be repeated. Else all that follow the alias."
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="First score date of the evidence; else the last 28 with outcomes."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last score date of the evidence.")] = None,
    reason: Annotated[str, typer.Option(help="Why, where the evidence does not say `better`; kept.")] = "",
    alias: Annotated[str, typer.Option(help="The alias to point at the version.")] = "champion",
    undo: Annotated[bool, typer.Option("--undo", help="Put the version before back.")] = False,
) -> None:
    """Point an alias at another version: shows the evidence, and changes one line of versions.toml.

    The evidence is a replay of published dates with outcomes; it is kept beside the versions, to be reviewed with the
    line. Without evidence that the version is better it refuses, unless --reason says why. Nothing is scored or
    published by it: the next run that is deployed with the line is.
    """
    if undo:
        if version is not None or jobs or first or last:
            raise UsageError(
                "--undo goes back to the version before. Leave VERSION and the evidence's options out."
            )
        _undo(name, alias)
        return
    if version is None:
        raise UsageError("which version? Name it: scoring promote NAME VERSION. Or go back: --undo")
    _promote(name, version, alias, jobs or [], _between(first, last), by, reason)


def card(
    name: Model,
    version: Annotated[int, typer.Argument(min=1, max=fields.LAST_VERSION, help="A registered version.")],
    target: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there; else it is printed.")
    ] = None,
) -> None:
    """Show the card of a version: what its people wrote, what it was made of, and how it has done since.

    The version's own MODEL_CARD.md stays as it is. Recent quality by group, drift, alarms and the evidence of its
    promotion are read from the predictions database and from the record beside the versions.
    """
    from pipeline.model import registry
    from pipeline.reports.cards import quality
    from pipeline.reports.cards.card import card as text_of

    home = workspace.home()
    registry.pin_of(home, name, version)
    try:
        jobs: list[quality.Job] | str = quality.read(context.connection("predictions"), name, version)
    except (ScoringError, sa.exc.SQLAlchemyError) as error:
        jobs = f"Not known: the predictions database could not be asked ({str(error).splitlines()[0]})."
    text = text_of(home, name, version, jobs)
    if target is None:
        out.print(text, markup=False, highlight=False, soft_wrap=True, end="")
        return
    write_file(target, text)


def _promote(
    name: str,
    version: int,
    alias: str,
    jobs: list[str],
    between: tuple[str, str] | None,
    by: str,
    reason: str,
) -> None:
    from pipeline.promotion import followers, promote, sentences

    home = workspace.home()
    wanted = promote.planned(home, name, alias, version)
    following = followers.find(context.dags(), name, alias, jobs)
    parsed = dates.parse_range(*between) if between else None
    with progress_bar() as bar:
        task = bar.add_task("compared", total=None)

        def progress(job: Job, score_date: object) -> None:
            bar.update(task, description=f"{job.name} {score_date}")

        gathered = followers.gather(wanted, following, context.workspace_of, parsed, progress)
    _say(*sentences.of(wanted, gathered))
    promote.require_evidence(wanted, gathered, reason)
    login = followers.login_of(following, context.workspace_of)
    path, diff = promote.promote(home, wanted, gathered, by=by, login=login, reason=reason)
    _say(
        f"models/{name}/versions.toml",
        *diff.splitlines(),
        *sentences.next_steps(wanted, gathered, path, home),
    )


def _undo(name: str, alias: str) -> None:
    from pipeline.promotion import promote, sentences

    promotion, diff = promote.undo(workspace.home(), name, alias)
    _say(
        f"models/{name}/versions.toml",
        *diff.splitlines(),
        *sentences.undone(name, alias, promotion.former, promotion.version),
    )


def _between(first: str | None, last: str | None) -> tuple[str, str] | None:
    """The range of the evidence as it was typed.

    Raises:
        UsageError: only one end is named, or the range is too long.
    """
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise UsageError("--from and --to belong together. Name both, or neither.")
    from pipeline.promotion.evidence import MOST_DATES

    if len(days_of(*dates.parse_range(first, last))) > MOST_DATES:
        raise UsageError(
            f"--from {first} --to {last}: the evidence has {MOST_DATES} dates at most. Name fewer."
        )
    return first, last


def _say(*lines: str) -> None:
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
