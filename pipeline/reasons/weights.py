"""How much each column matters to a model's scores, of the last run of it that was explained."""

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres, statements
from pipeline.monitoring.findings import Weight
from pipeline.payloads import Run

_SQL = statements.load("reasons/weights")


def last(database_url: str, job: Job, run: Run) -> dict[str, Weight]:
    """What each column carries of the scores, for a run that is not explained yet; nothing where no run was.

    Args:
        database_url: of the predictions database.
        job: whose run it is.
        run: the run, whose model it must be.
    """
    if job.reasons is None:
        return {}
    values = {"job": job.name, "model_sha256": run.model_sha256, "score_date": run.score_date}
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["last"]), values).all()
    total = sum(row.mean_size for row in rows)
    weights: dict[str, Weight] = {}
    for row in rows if total else ():
        share, members = row.mean_size / total, row.groups.get(row.column_name)
        if members:
            weights |= {name: Weight(share, row.column_name) for name in members}
        else:
            weights[row.column_name] = Weight(share)
    return weights
