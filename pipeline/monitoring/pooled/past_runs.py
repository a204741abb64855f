"""The published runs before a run, as its pooled looks have them: a sum of their profiles, made by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.monitoring.bins import Bins
from pipeline.monitoring.calibration import VOLUME
from pipeline.monitoring.pooled.windows import SIZES, PooledRuns
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference
from pipeline.payloads import Run

_SQL = statements.load("monitoring/pooled")


@dataclass(frozen=True)
class PastRun:
    """A published run before this one.

    Attributes:
        run_id: its number.
        score_date: its score date.
        usual_rows: how many rows it had; None where that was unusual.
        lasting: the columns in which it was unusual together with the runs before it.
    """

    run_id: int
    score_date: date
    usual_rows: int | None
    lasting: frozenset[str]


@dataclass(frozen=True)
class PastRuns:
    """The published runs before this one, by the same model.

    Attributes:
        newest_first: the runs, as many as the largest look has.
        pooled: the sums, of each look that has enough of them.
    """

    newest_first: tuple[PastRun, ...] = ()
    pooled: tuple[PooledRuns, ...] = ()

    def since(self, columns: set[str]) -> date | None:
        """Since when the runs before were unusual together, up to the last one; None where that one was not.

        Args:
            columns: in which this run is. Where another has come, it begins anew.
        """
        if not self.newest_first or not columns <= self.newest_first[0].lasting:
            return None
        since = self.newest_first[0].score_date
        for run in self.newest_first:
            if not run.lasting:
                break
            since = run.score_date
        return since


def read(database_url: str, run: Run, reference: Reference) -> PastRuns:
    """The published runs before a run: of the same model, and none of a day that it was trained on."""
    if not reference.by_day:
        return PastRuns()
    values = {
        "job": run.job,
        "score_date": run.score_date,
        "after": run.score_date - timedelta(days=2 * max(SIZES)),
        "model_name": run.model_name,
        "model_version": run.model_version,
        "model_sha256": run.model_sha256,
        "training_days": list(reference.training_days),
        "most": max(SIZES) - 1,
    }
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_SQL["past_runs"]), values).all()
        runs = tuple(
            PastRun(
                row.run_id,
                row.score_date,
                row.usual_rows,
                frozenset(row.features) | {_WHOLE[name] for name in row.whole if name in _WHOLE},
            )
            for row in rows
        )
        pooled = tuple(
            _pooled(connection, runs[: size - 1], reference.bins)
            for size in SIZES
            if _are_enough(runs, size, run.score_date)
        )
    return PastRuns(runs, pooled)


def _are_enough(runs: Sequence[PastRun], size: int, score_date: date) -> bool:
    """Whether there are so many, and not over too long a time."""
    return len(runs) >= size - 1 and score_date - runs[size - 2].score_date < timedelta(days=2 * size)


def _pooled(connection: sa.Connection, runs: Sequence[PastRun], bins: Mapping[str, Bins]) -> PooledRuns:
    counts = {name: np.zeros(len(each.labels), np.int64) for name, each in bins.items()}
    usual = dict.fromkeys(bins, 0)
    for row in connection.execute(sa.text(_SQL["pooled"]), {"run_ids": [run.run_id for run in runs]}):
        if row.column_name in bins and row.bin < len(counts[row.column_name]):
            counts[row.column_name][row.bin] += row.rows
            usual[row.column_name] = row.runs
    rows = {run.score_date: run.usual_rows for run in runs if run.usual_rows is not None}
    return PooledRuns(len(runs), counts, usual, rows)


# How metrics of the run as a whole begin.
_WHOLE = {"score": SCORE, "rows": VOLUME}
