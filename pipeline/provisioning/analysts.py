"""Who reads which jobs: a member of `scoring_analyst` every one, of `scoring_job_analyst` those granted by name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.databases.postgres_errors import translated_errors
from pipeline.errors import UsageError

_SQL = statements.load("provisioning/analysts")


class AnalystError(UsageError):
    """A role that cannot be given what was asked, or does not have what is to be taken."""


@dataclass(frozen=True)
class Reading:
    """What a role reads.

    Attributes:
        every: whether it reads every job, also those to come.
        jobs: else the jobs that it was granted by name, in order.
    """

    every: bool
    jobs: tuple[str, ...]


def grant(database_url: str, role: str, jobs: Sequence[str]) -> Reading:
    """Let a role read some jobs more and none but those granted by name; where none is named, every job.

    Args:
        database_url: of the predictions database, as its owner.
        role: a login, or a group of logins.
        jobs: names of jobs; of those that have no run yet, too.

    Raises:
        AnalystError: there is no such role, it inherits no rights, or it reads every job by another way.
    """
    with _translated_errors(), engine(database_url).begin() as connection:
        _require_role(connection, role)
        connection.execute(sa.text(_SQL["grant"]), {"role": role, "jobs": list(jobs)})
        remedy = connection.execute(sa.text(_SQL["refusal"]), {"role": role}).scalar_one_or_none()
        if remedy is not None:
            raise AnalystError(
                f"role {role!r} does not inherit the rights of its groups (NOINHERIT), so it would read nothing. "
                f"Change it first: {remedy}"
            )
        reading = _reading(connection, role)
        if jobs and reading.every:
            raise AnalystError(
                f"role {role!r} still reads every job, as a member of scoring_analyst by "
                f"{_memberships(connection, role)}. Take that from it first."
            )
        return reading


def revoke(database_url: str, role: str, jobs: Sequence[str]) -> Reading:
    """Have a role read some jobs no more; where none is named, none at all.

    Args:
        database_url: of the predictions database, as its owner.
        role: a login, or a group of logins.
        jobs: names of jobs that it was granted.

    Raises:
        AnalystError: there is no such role, it was not granted these jobs by name, or it still reads by another way.
    """
    with _translated_errors(), engine(database_url).begin() as connection:
        _require_role(connection, role)
        before = _reading(connection, role)
        if jobs and before.every:
            raise AnalystError(
                f"role {role!r} reads every job. Name those that it is to keep: grant-analyst {role} --job JOB"
            )
        if missing := sorted(set(jobs) - set(before.jobs)):
            raise AnalystError(
                f"role {role!r} was not granted {', '.join(missing)}. It reads: {', '.join(before.jobs) or 'none'}."
            )
        connection.execute(sa.text(_SQL["revoke"]), {"role": role, "jobs": list(jobs)})
        reading = _reading(connection, role)
        if not jobs and reading.every:
            raise AnalystError(
                f"role {role!r} still reads every job, as a member of scoring_analyst by "
                f"{_memberships(connection, role)}. Take that from it as well."
            )
        return reading


def with_runs(database_url: str, jobs: Sequence[str]) -> set[str]:
    """Those of some jobs that have run."""
    with _translated_errors(), engine(database_url).connect() as connection:
        return set(connection.execute(sa.text(_SQL["with_runs"]), {"jobs": list(jobs)}).scalars())


def _require_role(connection: sa.Connection, role: str) -> None:
    superuser = connection.execute(sa.text(_SQL["role"]), {"role": role}).scalar_one_or_none()
    if superuser is None:
        raise AnalystError(
            f"there is no role {role!r} on this server. Create it first: CREATE ROLE ... LOGIN"
        )
    if superuser:
        raise AnalystError(f"role {role!r} is a superuser, whom nothing is kept from. Name another role.")
    if role in ("scoring_analyst", "scoring_job_analyst"):
        raise AnalystError(f"role {role!r} is the group itself. Name a login, or a group of your own.")


def _reading(connection: sa.Connection, role: str) -> Reading:
    row = connection.execute(sa.text(_SQL["reading"]), {"role": role}).one()
    return Reading(row.every, tuple(row.jobs))


def _memberships(connection: sa.Connection, role: str) -> str:
    """What makes a role a member of scoring_analyst, for a message."""
    return ", ".join(connection.execute(sa.text(_SQL["memberships"]), {"role": role}).scalars())


def _translated_errors() -> AbstractContextManager[None]:
    owner = (
        "Ask as the predictions database's owner (connection predictions_owner), to whom a superuser has granted it: "
        "GRANT scoring_analyst, scoring_job_analyst TO OWNER WITH ADMIN OPTION"
    )
    return translated_errors("predictions", AnalystError, {"42501": owner, "42": "Run `scoring migrate`."})
