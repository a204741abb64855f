"""How long a job's things are kept: the days of its file, as the owner has entered them into the database."""

from collections.abc import Sequence

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import RetentionSection
from pipeline.databases import postgres, statements

_SQL = statements.load("maintenance/retention_days")


def enter(database_url: str, jobs: Sequence[Job]) -> None:
    """Enter each job's `[retention]` into the predictions database, by which it is pruned from now on.

    Args:
        database_url: the predictions database, as its owner.
        jobs: whose; what is entered for other jobs stays.
    """
    with postgres.engine(database_url).begin() as connection:
        for job in jobs:
            connection.execute(sa.text(_SQL["enter"]), {"job": job.name, **job.retention.model_dump()})


def difference(session: sa.Connection, job: str, file: RetentionSection | None) -> str | None:
    """Where a job's file, if it has one, says other days than the database, by whose days it is pruned."""
    row = session.execute(sa.text(_SQL["entered"]), {"job": job}).mappings().one_or_none()
    remedy = "Run `scoring migrate` as the owner."
    if row is None:
        first = "" if file else "Bring its file back. "
        return f"{job}: the database has no [retention] of it, so nothing of it goes. {first}{remedy}"
    if file and RetentionSection(**row) != file:
        return f"{job}: its file's [retention] is not what the database has and goes by. {remedy}"
    return None
