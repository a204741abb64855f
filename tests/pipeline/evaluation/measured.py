"""A job with measured days: copies of one published run, each with outcome metrics of its own."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from tests.home import NIGHT, SUPERUSER
from tests.pipeline.shop import Shop

_RUN = """
INSERT INTO scoring.scoring_runs OVERRIDING SYSTEM VALUE
SELECT made.* FROM (SELECT nextval('scoring.scoring_runs_run_id_seq') AS next_id) AS next,
     (SELECT to_jsonb(runs) AS run FROM scoring.scoring_runs AS runs WHERE job = :job ORDER BY run_id LIMIT 1) AS runs,
     LATERAL jsonb_populate_record(CAST(NULL AS scoring.scoring_runs), run || jsonb_build_object(
         'run_id', next_id, 'score_date', CAST(:day AS text), 'trigger', 'copy ' || next_id,
         'idempotency_key', 'copy ' || next_id, 'model_version', CAST(:version AS integer))) AS made
RETURNING run_id
"""
_POINTER = """
INSERT INTO scoring.current_runs (job, score_date, run_id) VALUES (:job, :day, :run)
ON CONFLICT (job, score_date) DO UPDATE SET run_id = excluded.run_id
"""
_METRIC = """
INSERT INTO scoring.outcome_metrics (run_id, slice_column, slice_value, metric, value)
VALUES (:run, '', '', :name, :value)
ON CONFLICT (run_id, slice_column, slice_value, metric) DO UPDATE SET value = excluded.value
"""
_PROFILE = """
INSERT INTO scoring.profiles (run_id, column_name, bin, label, count)
VALUES (:run, '', 0, '< 0.05', 1), (:run, '', 1, '[0.05, 0.1)', :low - 1), (:run, '', 2, '>= 0.1', 900 - :low),
       (:run, '', 3, 'null', 0)
"""
_SCORE = "INSERT INTO scoring.run_metrics (run_id, metric, value) VALUES (:run, 'score_mean', :score)"


def day(number: int) -> date:
    """A score date after the shop's night."""
    return NIGHT + timedelta(days=number)


def measured(
    shop: Shop,
    losses: Sequence[float],
    *,
    first: int = 1,
    version: int = 1,
    low: int | None = None,
    score: float = 0.2,
    **metrics: float,
) -> list[int]:
    """Publish and measure a day for each loss, which is the share of the base rate's; returns their runs.

    With so many `low` scores of 900 each, and a mean `score`.
    """
    runs = []
    with postgres.engine(shop.home.uri(SUPERUSER)).begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no trigger refuses it
        for number, loss in enumerate(losses):
            values: dict[str, Any] = {"job": shop.job, "day": day(first + number), "version": version}
            run = connection.execute(sa.text(_RUN), {**values, "day": str(values["day"])}).scalar_one()
            connection.execute(sa.text(_POINTER), {**values, "run": run})
            for name, value in {"skill:base_rate": 1 - loss, "outcomes": 900.0, **metrics}.items():
                connection.execute(sa.text(_METRIC), {"run": run, "name": name, "value": value})
            if low is not None:
                connection.execute(sa.text(_PROFILE), {"run": run, "low": low})
                connection.execute(sa.text(_SCORE), {"run": run, "score": score})
            runs.append(run)
    return runs


def remeasure(shop: Shop, run: int, loss: float) -> None:
    """Enter another loss of a run."""
    with postgres.engine(shop.home.uri(SUPERUSER)).begin() as connection:
        connection.execute(sa.text(_METRIC), {"run": run, "name": "skill:base_rate", "value": 1 - loss})
