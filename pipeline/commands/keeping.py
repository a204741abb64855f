"""Commands that throw away: what has had its time, and a subject's rows."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline import job as jobs_of
from pipeline import places
from pipeline.commands import checkout
from pipeline.commands.console import FAILED, USAGE, AsJson, err, fail, out, print_json, print_table
from pipeline.commands.nights import By

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
    r"""Throw away what has had its time, as each job's \[retention] says (connection predictions_janitor)."""
    from pipeline import retention

    jobs, broken = ([checkout.job(name)], []) if name else jobs_of.read_all(checkout.dags())
    pruned = retention.prune(
        checkout.janitor, places.store(), jobs, dry_run=dry_run, after_restore=after_restore
    )
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
    for error in broken:
        err.print(
            f"{error}\nWhat that job has stays.", style="red", highlight=False, markup=False, soft_wrap=True
        )
    if broken:
        raise typer.Exit(USAGE)


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
    from pipeline.erase import erase as forget

    janitor = f"{checkout.job(job).write.connection}_janitor"
    receipt = forget(
        checkout.janitor(janitor),
        places.store(),
        job,
        entity,
        by=by,
        reason=reason,
        after_restore=after_restore,
    )
    out.print(
        f"erasure {receipt.erasure} in {job}: {receipt.prediction_rows} rows of predictions, {receipt.rejected_rows} "
        f"rejected rows, {receipt.parts} parts, in {receipt.runs} runs"
        + ("" if receipt.runs else ": nothing was found"),
        markup=False,
        soft_wrap=True,
    )
    out.print(
        "The next night scores this entity again unless the warehouse has forgotten it too.", soft_wrap=True
    )
    if receipt.in_work:
        runs = ", ".join(map(str, receipt.in_work))
        fail(
            f"a try may be going on with run {runs}, which was left alone. Erase again when it has ended.",
            FAILED,
        )


_HEADINGS = {
    "job": "job",
    "score_date": "score date",
    "run_id": "run",
    "what": "what",
    "rows": "rows",
    "size": "bytes",
}
