"""The commands of models that are trained again: train a candidate, list candidates, adopt one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import AsJson, out, print_json, print_table
from pipeline.cli.context import JobName
from pipeline.config import dates, workspace

Last = Annotated[
    str | None,
    typer.Argument(
        metavar="DATE",
        help="The last score date to be trained on. Else the newest one whose outcomes are there.",
    ),
]
# What the list shows of each, where it has it.
_FIGURES = ("log_loss", "roc_auc", "rmse")
Number = Annotated[int, typer.Argument(metavar="CANDIDATE", help="The candidate's number.", min=1)]


def train(name: JobName, last: Last = None) -> None:
    """Train the job's model again, and enter what comes of it as a candidate.

    It reads the window of [training] as a run reads a date, with the outcomes, and trains in a process without
    network and credentials. Nothing below models/ changes.
    """
    from pipeline.retraining import card, rows
    from pipeline.retraining.run import run

    job, now = context.job(name), datetime.now(UTC)
    day = dates.parse(last) if last else rows.last_date(job, now)
    by = f"command line, {now.isoformat(timespec='seconds')}"
    number, draft = run(context.workspace_of(job), job, day, by)
    figures = draft.evaluation
    _say(
        f"candidate {number} of {job.name}: trained on {draft.rows} rows from {draft.training_start} to "
        f"{draft.training_end}, by {draft.function}\n"
        f"out of fold, by whole score dates ({figures['folds']} folds, {figures['dates']} dates):\n"
    )
    for line in (*card.table(figures), "", *card.beside(figures)):
        _say(line)
    _say(f"\nNothing scores with it. To review it as a version: scoring adopt {job.name} {number}")


def candidates(
    name: Annotated[
        str | None, typer.Argument(metavar="JOB", help="Only of this job.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the candidates of a job, or of every job, the newest first."""
    from pipeline.candidates import ledger

    job = context.job(name) if name else None
    known = ledger.listed(context.connection(job.write.connection if job else "predictions"), name)
    if as_json:
        print_json([each.model_dump(mode="json", exclude={"manifest", "card"}) for each in known])
        return
    print_table(
        [
            {
                "candidate": each.number,
                "job": each.job,
                "trained on": f"{each.training_start} to {each.training_end}",
                "rows": each.rows,
                "out of fold": _figures(each.evaluation["candidate"]),
                "status": f"version {each.adopted_as}" if each.adopted_as else each.status,
                "artefact": each.files[each.numbered.artefact].sha256[:12],
                "created": each.created_at.astimezone(UTC).isoformat(timespec="minutes"),
            }
            for each in known
        ]
    )


def adopt(name: JobName, number: Number) -> None:
    """Write a candidate into models/ as the next version, for review; no alias moves.

    Each file is compared with the digest that it was entered with.
    """
    from pipeline.retraining.adopt import adopt as write

    job = context.job(name)
    version = write(workspace.home(), context.connection(job.write.connection), name, number)
    manifest = version.manifest
    _say(
        f"{version.folder}: candidate {number} is {manifest.label}, pinned to {manifest.sha256}\n"
        f"Review and commit models/{manifest.name}. The alias {job.model.alias} has not moved."
    )


def _figures(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {values[name]:.4f}" for name in _FIGURES if name in values)


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
