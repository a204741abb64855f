"""Commands that look at runs."""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, AsJson, out, print_json, print_table, write_file
from pipeline.config import workspace
from pipeline.config.fields import LAST_RUN
from pipeline.integrations import dependencies
from pipeline.integrations.outbox import newest
from pipeline.punctuality import heartbeat
from pipeline.punctuality.watch import Seen, look, send
from pipeline.runs import history
from pipeline.runtime.interruption import Interrupted

RunId = Annotated[
    int, typer.Argument(metavar="RUN", min=1, max=LAST_RUN, help="A run's id, as `runs` lists it.")
]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, the newest first.")]


def runs(
    name: Annotated[str | None, typer.Argument(metavar="JOB", help="Only this job's runs.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest runs."""
    rows = history.runs(context.connection("predictions"), name, limit)
    if as_json:
        print_json(rows)
        return
    headings = {"run_id": "run", "job": "job", "score_date": "score date", "status": "status", "model_version": "model",
                "rows_rejected": "rejected", "rows_scored": "scored",
                "status_reason": "why"}  # fmt: skip
    print_table([{heading: row[column] for column, heading in headings.items()} for row in rows])


def show(run_id: RunId, as_json: AsJson = False) -> None:
    """Show all that the database has of one run: lineage, ledger, metrics, rejected rows."""
    run = history.show(context.connection("predictions"), run_id)
    if as_json:
        print_json(run)
        return
    nested = {name: value for name, value in run.items() if isinstance(value, list)}
    for name, value in run.items():
        if name not in nested and value is not None:
            out.print(f"[bold]{name:18}[/bold]", end="")
            out.print(
                json.dumps(value) if isinstance(value, dict) else str(value), markup=False, soft_wrap=True
            )
    for name, rows in nested.items():
        if rows:
            out.print(f"\n[bold]{name}[/bold]")
            print_table(rows)


def report(
    run_id: RunId,
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write it; else report-RUN.html here.", show_default=False
        ),
    ] = None,
) -> None:
    """Write a run's report: one HTML file that needs nothing else."""
    from pipeline.reports.report import report as write_report

    path = target or Path(f"report-{run_id}.html")
    page = write_report(context.connection("predictions"), workspace.home(), run_id)
    write_file(path, page)


def alerts(
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the messages to people: what was sent, what waits and why."""
    rows = newest(context.connection("predictions"), limit)
    if as_json:
        print_json(rows)
        return
    headings = {"raised_at": "raised", "title": "message", "recipient": "to", "sent_at": "sent",
                "repeated": "repeated", "tries": "tries", "last_error": "why not"}  # fmt: skip
    print_table([{heading: row[column] for column, heading in headings.items()} for row in rows])


def watch(
    once: Annotated[
        bool, typer.Option("--once", help="Look once, and end with 1 if anything is late.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between two looks.")] = 30,
    beat: Annotated[
        Path | None, typer.Option(help="Touch this file after each complete look.", show_default=False)
    ] = None,
) -> None:
    """Watch every job's [promise], and notify people of what is not kept (as predictions_watcher).

    It needs the predictions database and the job files, and no Airflow. SCORING_HEARTBEAT is a URL that is asked after
    each complete look.
    """
    address = heartbeat.url()
    if once:
        seen = _look(address, beat)
        print_table([asdict(late) for late in seen.late]) if seen.late else out.print("every promise is kept")
        if seen.late or not seen.complete:
            raise typer.Exit(FAILED)
        return
    out.print(f"watching {context.dags()}, every {every:g} s; Ctrl-C ends it", markup=False, soft_wrap=True)
    with suppress(Interrupted):  # the way to end it
        while True:
            _look(address, beat)
            time.sleep(every)


def _look(address: str | None, beat: Path | None) -> Seen:
    seen = look(context.dags(), context.watcher, datetime.now(UTC))
    if not send(seen.outboxes, lambda name: dependencies.addresses(name, os.environ)):
        # What nobody can be told, the monitor elsewhere tells: by the heartbeat that it misses.
        seen = replace(seen, complete=False)
    if seen.complete and beat:
        heartbeat.touch(beat)
    if seen.complete and address:
        heartbeat.ping(address)
    return seen
