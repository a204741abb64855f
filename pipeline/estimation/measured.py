"""The days whose outcomes are known: what is kept of each when it is measured, and read again for the next run."""

from datetime import date

import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.estimation.estimate import WINDOW, MeasuredDay
from pipeline.estimation.expectation import METRICS
from pipeline.estimation.score_bins import ScoreBins
from pipeline.model.manifest import Manifest

_SQL = statements.load("estimation/measured")


def days(database_url: str, job: str, score_date: date, manifest: Manifest, least: int) -> list[MeasuredDay]:
    """The measured days of a version before a score date, the last ones, in order of date.

    Args:
        database_url: the predictions database.
        job: the job's name.
        score_date: the day that is to be estimated.
        manifest: of the version.
        least: outcomes that a day must have.
    """
    values = {
        "job": job,
        "score_date": score_date,
        "model_name": manifest.name,
        "model_version": manifest.version,
        "least": least,
        "most": 2 * WINDOW,
    }
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["days"]), values).mappings().all()
    return [
        MeasuredDay(
            ScoreBins.read(dict(row)), {metric: row[metric] for metric in METRICS if row[metric] is not None}
        )
        for row in rows
    ]


def enter(connection: sa.Connection, run_id: int, bins: ScoreBins) -> None:
    """Keep the scores of a measured run, with their outcomes, in place of what was kept of it."""
    connection.execute(sa.text(_SQL["enter"]), {"run_id": run_id, **bins.columns()})
