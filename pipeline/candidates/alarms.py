"""A quality alarm has a candidate trained, once."""

from datetime import date

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine

_SQL = statements.load("candidates/alarms")


def claim(database_url: str, job: str, trigger: str) -> date | None:
    """Since when a job's quality alarm is on that has had no candidate trained yet; None where there is none.

    Whoever asks has it trained: nobody else is given the same alarm. The same trigger is, should it ask again.

    Args:
        database_url: of the predictions database.
        job: the job's name.
        trigger: who asks, such as an Airflow DAG run.
    """
    values = {"job": job, "mark": f"training by {trigger}"}
    with engine(database_url).begin() as connection:
        row = connection.execute(sa.text(_SQL["claim"]), values).one_or_none()
        return row.began_on if row else None
