"""Commands that throw away: what has had its time, and a subject's rows."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, USAGE, AsJson, err, fail, out, print_json, print_table
from pipeline.cli.score import By
from pipeline.config import loader, workspace

if TYPE_CHECKING:
    from pipeline.maintenance.erasure import Receipt
    from pipeline.maintenance.retention import Pruned

AfterRestore = Annotated[
    bool,
    typer.Option(
        "--after-restore",
        help="Go on though the store holds runs that the database, restored from a backup, has forgotten.",
    ),
]


def prune(
    name: Annotated[
        str | None, typer.Argument(metavar="JOB", help="Only this job's; else every job's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would go, and touch nothing.")
    ] = False,
    after_restore: AfterRestore = False,
    as_json: AsJson = False,
) -> None:
    r"""Throw away what has had its time, by each job's \[retention], of removed ones too (as predictions_janitor)."""
    from pipeline.maintenance import removed_jobs, retention

    jobs, broken = loader.read_all(context.dags())
    filed = [path.stem for path in loader.files(context.dags())]
    gone = {} if name in filed else removed_jobs.connections(context.janitor, workspace.store(), jobs, filed)
    if name:
        gone = {job: conn_id for job, conn_id in gone.items() if job == name}
        jobs, broken = [] if gone else [context.job(name)], []
    pruned = retention.prune(
        context.janitor, workspace.store(), jobs, gone, dry_run=dry_run, after_restore=after_restore
    )
    _print_pruned(pruned, as_json)
    for error in broken:
        sentence = f"{error}\nNothing of that job was removed."
        err.print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    if broken:
        raise typer.Exit(USAGE)


def _print_pruned(pruned: "Pruned", as_json: bool) -> None:
    if as_json:
        print_json([asdict(item) for item in pruned.gone])
    elif pruned.gone:
        print_table(
            [{heading: getattr(item, key) for key, heading in _HEADINGS.items()} for item in pruned.gone]
        )
    else:
        out.print("nothing is due")
    for reason in pruned.postponed:
        err.print(reason, highlight=False, markup=False, soft_wrap=True)


def erase(
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="Whom to erase, as in entity_id.")],
    by: By,
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="In whose runs.")],
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the receipt, so it must not name them.")
    ],
    after_restore: AfterRestore = False,
) -> None:
    """Erase a subject from every run of a job, and print the receipt (connection predictions_janitor)."""
    from pipeline.maintenance.erasure import erase as erase_entity

    receipt = erase_entity(
        context.janitor(f"{_connection_of(job)}_janitor"),
        workspace.store(),
        job,
        entity,
        by=by,
        reason=reason,
        after_restore=after_restore,
    )
    _print_receipt(receipt)
    if receipt.in_work:
        runs = ", ".join(map(str, receipt.in_work))
        fail(
            f"a try may be going on with run {runs}, which was left alone. Erase again when it has ended.",
            FAILED,
        )


def _connection_of(job: str) -> str:
    """The connection of a job's predictions database, also where its file is gone: its scores are still there."""
    from pipeline.maintenance import removed_jobs

    jobs, _ = loader.read_all(context.dags())
    connections = {filed.name: filed.write.connection for filed in jobs}
    if job not in connections:
        connections |= removed_jobs.connections(context.janitor, workspace.store(), jobs, connections)
    return connections.get(job) or context.job(job).write.connection


def _print_receipt(receipt: "Receipt") -> None:
    out.print(
        f"erasure {receipt.erasure} in {receipt.job}: {receipt.prediction_rows} rows of predictions, "
        f"{receipt.rejected_rows} rejected rows, {receipt.parts} parts, in {receipt.runs} runs"
        + ("" if receipt.runs else ": nothing was found"),
        markup=False,
        soft_wrap=True,
    )
    out.print(
        "The next run scores this entity again unless the warehouse has forgotten it too.", soft_wrap=True
    )


_HEADINGS = {
    "job": "job",
    "score_date": "score date",
    "run_id": "run",
    "what": "what",
    "rows": "rows",
    "size": "bytes",
}
