"""Reads the profile of the run before: the one that analysts see for the last score date before."""

from collections.abc import Mapping

import numpy as np
import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.monitoring.bins import Bins
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.payloads import Run

_SQL = statements.load("monitoring/previous_run")


def read(database_url: str, run: Run, bins: Mapping[str, Bins]) -> PreviousRun | None:
    """The run before a run, with the columns that had the same bins; None where there is none.

    Args:
        database_url: the predictions database.
        run: the run.
        bins: of its model, by column.
    """
    values = {"job": run.job, "score_date": run.score_date}
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["profile"]), values).all()
    if not rows:
        return None
    columns: dict[str, dict[str, int]] = {}
    for row in rows:
        columns.setdefault(row.column_name, {})[row.label] = row.rows
    counts = {
        name: np.array(list(by_label.values()), np.int64)
        for name, by_label in columns.items()
        if name in bins and tuple(by_label) == bins[name].labels
    }
    return PreviousRun(rows[0].score_date, counts)
