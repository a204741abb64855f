"""What outcomes have said of a version so far that was the job's challenger: nothing is scored once more for it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.candidates.candidate import adopted_from
from pipeline.challenger import paired_test
from pipeline.config.job import Job
from pipeline.databases import postgres, statements
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run.evidence import Challenged
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.promotion.summary import paired

_SQL = statements.load("promotion/challenged")


def read(
    database_url: str,
    job: Job,
    versions: tuple[PinnedVersion, PinnedVersion],
    rate: float,
    between: tuple[date, date] | None = None,
) -> Challenged | None:
    """The paired test over the days on which a version was the challenger of another; None without such a day.

    A version that was adopted counts as the candidate that it was: its files are the same.

    Args:
        database_url: the predictions database.
        job: whose challenger it was.
        versions: the one that was published, and the challenger.
        rate: how often a verdict may be wrong where neither is better, under a look every day for ever.
        between: the first and the last score date that count; else all.
    """
    first, last = between or (date.min, date.max)
    values = {**_values(job, *versions), "first": first, "last": last}
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["days"]), values).all()
    if not rows:
        return None
    test = paired_test.compare([row.difference for row in rows], rate)
    return Challenged(first=rows[0].score_date, last=rows[-1].score_date, paired=paired(test))


def _values(job: Job, former: PinnedVersion, version: PinnedVersion) -> Mapping[str, Any]:
    manifest = version.manifest
    candidate = adopted_from(manifest, job.name)
    return {
        "job": job.name,
        "model_name": manifest.name,
        "former": former.manifest.version,
        "former_sha256": former.sha256,
        "versions": [manifest.version, *([] if candidate is None else [-candidate])],
        "version_sha256": version.sha256,
        "least": LEAST_OUTCOMES,
    }
