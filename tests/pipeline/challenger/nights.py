"""A job whose score dates have a challenger that was measured."""

from collections.abc import Sequence

import sqlalchemy as sa

from pipeline.databases import postgres
from tests.home import SUPERUSER
from tests.pipeline.evaluation.measured import measured
from tests.pipeline.shop import Shop

_TRY = """
INSERT INTO scoring.challenges (run_id, model_name, model_version, model_sha256, status, ended_at)
VALUES (:run, 'shop', :version, :sha256, 'scored', now())"""
_RESULT = """
INSERT INTO scoring.challenge_results
    (run_id, entities, outcomes, loss, champion_loss, challenger_loss, moved, relabelled, in_sample)
VALUES (:run, 900, 900, 'log_loss', 0.5, 0.5 - :difference, 0.1, 0.1, false)"""


def challenged(
    shop: Shop, differences: Sequence[float], *, first: int, version: int = 2, sha256: str = "0" * 64
) -> list[int]:
    """Publish a day for each difference, by which the challenger lost less; returns their runs."""
    runs = measured(shop, [0.9] * len(differences), first=first)
    with postgres.engine(shop.home.uri(SUPERUSER)).begin() as connection:
        for run, difference in zip(runs, differences, strict=True):
            values = {"run": run, "version": version, "sha256": sha256, "difference": difference}
            connection.execute(sa.text(_TRY), values)
            connection.execute(sa.text(_RESULT), values)
    return runs
