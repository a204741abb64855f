"""Commands that score a date, and decide on its runs."""

import os
from datetime import UTC, date, datetime
from getpass import getuser
from typing import Annotated

import sqlalchemy as sa
import typer

from pipeline.cli import context, ranges
from pipeline.cli.console import FAILED, err, fail, out, progress_bar
from pipeline.cli.context import JobName
from pipeline.cli.inspect import print_diff
from pipeline.cli.reasons import commands
from pipeline.cli.runs import RunId
from pipeline.config import dates, workspace
from pipeline.config.fields import LAST_RUN, LAST_VERSION
from pipeline.config.job import Job
from pipeline.errors import NothingToDo, ScoringError, UsageError
from pipeline.inspection.diff import with_published
from pipeline.payloads import RunRequest
from pipeline.runs import decisions, receipts

First = Annotated[
    str, typer.Argument(metavar="FROM", help="The score date, or the first of a range, YYYY-MM-DD.")
]
Last = Annotated[
    str | None,
    typer.Argument(metavar="TO", help="The last score date of the range, which is worked on, too."),
]
ScoreDate = Annotated[str, typer.Argument(metavar="DATE", help="The score date, YYYY-MM-DD.")]
By = Annotated[str, typer.Option("--by", help="Who decides.", default_factory=lambda: _me())]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the run.")]


def score(
    name: JobName,
    first: First,
    last: Last = None,
    model_version: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LAST_VERSION,
            help="A registered version instead of the alias; may be older than the published one.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publish.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Of a range, score the dates again, too, that are published.")
    ] = False,
) -> None:
    """Score one job for one score date, or for each of a range, and publish it.

    In a range, dates that are published are skipped, and one that fails stops none of the others. It ends with 1 where
    a date failed, else with 3 where one is held. A job with [ready] is asked once whether its source is ready: a
    command does not wait, and goes on as ready.on_timeout says.
    """
    job, (day, end) = context.job(name), dates.parse_range(first, last)
    request = RunRequest(
        trigger=f"command line {datetime.now(UTC).isoformat(timespec='microseconds')} {os.getpid()}",
        triggered_by=_user(),
        model_version=model_version,
        dry_run=dry_run,
    )
    if last is None:
        _score_one(job, day, request)
    else:
        ranges.score(context.workspace_of(job), job, (day, end), request, again)


def _score_one(job: Job, day: date, request: RunRequest) -> None:
    from pipeline.tasks.run import score as score_date

    workspace = context.workspace_of(job)
    request = ranges.look(workspace, job, day, request)
    with commands.also_held(workspace, job, day, request.trigger), progress_bar() as bar:
        task = bar.add_task("", total=None)
        done = score_date(
            workspace,
            job,
            day,
            request,
            progress=lambda name, done, total: bar.update(
                task, description=name, completed=done, total=total or None
            ),
        )
    out.print(
        f"run {done.run_id} published: {done.job} {done.score_date}, {done.rows_scored} rows scored, "
        f"{done.rows_rejected} rejected, model {done.model_name} version {done.model_version}"
        + (f", replaces run {done.replaced_run_id}" if done.replaced_run_id else ""),
        soft_wrap=True,
    )
    ranges.challenge(workspace, job, done.run_id)
    commands.after(workspace, job, done.run_id)


def approve(run_id: RunId, by: By, reason: Reason) -> None:
    """Publish a held run, in your name; how it changes what analysts see is shown first."""
    approver = _decider(run_id, by)
    _tell_difference(approver, run_id)
    try:
        decisions.decide(approver, run_id, approve=True, by=by, reason=reason)
    except NothingToDo as error:  # well for a task, not for the person who wanted it published
        fail(error, FAILED)
    receipts.follow(approver, workspace.store(), decisions.trigger_of(approver, run_id).job)
    out.print(f"run {run_id} published, approved by {by}", markup=False)


def reject(run_id: RunId, by: By, reason: Reason) -> None:
    """Abandon a held run, in your name; analysts keep what they have."""
    decisions.decide(_decider(run_id, by), run_id, approve=False, by=by, reason=reason)
    out.print(f"run {run_id} abandoned, rejected by {by}", markup=False)


def rollback(
    name: JobName,
    date: ScoreDate,
    by: By,
    reason: Reason,
    to: Annotated[
        int | None,
        typer.Option(
            min=1, max=LAST_RUN, help="The run to show again; else the one published before the current."
        ),
    ] = None,
) -> None:
    """Show a run again that was published before, in your name; later runs publish on top as usual."""
    day = dates.parse(date)
    decisions.require_decider(context.job(name), by)
    approver = context.approver()
    shown, replaced = decisions.roll_back(approver, name, day, to=to, by=by, reason=reason)
    receipts.follow(approver, workspace.store(), name)
    out.print(f"{name} {day}: run {shown} is shown again, run {replaced} rolled back by {by}", markup=False)


def fallback(name: JobName, date: ScoreDate, reason: Reason, by: By) -> None:
    """Serve what the job's `fallback` names for a run that failed, marked as such in every row."""
    from pipeline.tasks.fallback import serve

    job = context.job(name)
    out.print(
        serve(
            context.workspace_of(job),
            job,
            dates.parse(date),
            trigger=f"command line of {by}",
            reason=f"{by}: {reason}",
        ),
        markup=False,
        soft_wrap=True,
    )


def _decider(run_id: int, by: str) -> str:
    """Address of the predictions database as the approver, once the job file lets this person decide on the run."""
    approver = context.approver()
    trigger = decisions.trigger_of(approver, run_id)
    job = context.job(trigger.job)
    decisions.require_decider(job, by, triggered_by=trigger.by)
    decisions.require_second_login(job, trigger)
    return approver


def _tell_difference(approver: str, run_id: int) -> None:
    try:
        difference = with_published(approver, run_id)
    except (ScoringError, sa.exc.DBAPIError) as error:  # no reason not to approve
        reason = str(error).splitlines()[0]
        err.print(f"no comparison with what is published: {reason}", markup=False, soft_wrap=True)
        return
    if difference:
        print_diff(difference)


def _me() -> str:
    user = _user()
    if user is None:
        raise UsageError("this machine does not know your name. Say who decides: --by NAME")
    return user


def _user() -> str | None:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return None
