"""Commands that say who reads which jobs."""

from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import out
from pipeline.errors import UsageError
from pipeline.provisioning import analysts
from pipeline.provisioning.analysts import Reading

Role = Annotated[str, typer.Argument(metavar="ROLE", help="A login of the predictions database, or a group.")]


def grant_analyst(
    role: Role,
    job: Annotated[
        list[str] | None,
        typer.Option("--job", metavar="JOB", help="Only this job and others so granted; may be repeated."),
    ] = None,
) -> None:
    """Let a role read every job, or those named and no other (connection predictions_owner)."""
    owner, jobs = context.connection("predictions_owner"), job or []
    grantable = {path.stem for path in context.dags().glob("*.toml")} | analysts.with_runs(owner, jobs)
    for name in jobs:
        if name not in grantable:
            raise UsageError(
                f"no job {name!r}: it has neither a file in {context.dags()} nor a run. Correct the name."
            )
    _say(role, analysts.grant(owner, role, jobs))


def revoke_analyst(
    role: Role,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="JOB", help="Only this job; may be repeated.")
    ] = None,
) -> None:
    """Have a role read nothing more, or the named jobs no more (connection predictions_owner)."""
    _say(role, analysts.revoke(context.connection("predictions_owner"), role, job or []))


def _say(role: str, reading: Reading) -> None:
    jobs = "every job" if reading.every else ", ".join(reading.jobs) or "nothing"
    out.print(f"{role} reads {jobs}", markup=False, highlight=False, soft_wrap=True)
