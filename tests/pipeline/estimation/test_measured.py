"""pipeline/estimation/measured.py: the days that count are those of this version that were measured, and before."""

from datetime import date

import numpy as np
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.estimation import measured
from pipeline.estimation.score_bins import ScoreBins
from pipeline.model import registry
from tests.home import SUPERUSER, Home, shop_rows
from tests.pipeline.evaluation import measured as drawn
from tests.pipeline.evaluation.measured import day
from tests.pipeline.evaluation.shop import opened
from tests.pipeline.shop import Shop

BINS = ScoreBins.of(np.array([0.1, 0.2, 0.7]), np.array([False, False, True]), np.array([0.0, 1.0, 1.0]))
FIGURES = {"log_loss": 0.5, "brier": 0.2, "accuracy": 0.8}


@pytest.fixture
def shop(home: Home) -> Shop:
    return opened(home, shop_rows())


def enter(shop: Shop, runs: list[int]) -> list[int]:
    """Keep the same bins of some runs, as the superuser: the copies of a run were published by nobody."""
    columns = BINS.columns()
    for run in runs:
        for place in range(len(columns["bin"])):
            values = [columns[name][place] for name in columns]
            numbers = ", ".join(map(str, [run, *values]))
            shop.home.sql(f"INSERT INTO scoring.outcome_bins VALUES ({numbers})", SUPERUSER)
    return runs


def before(shop: Shop, score_date: date) -> int:
    """How many measured days there are before one."""
    manifest = registry.resolve(shop.home.path, "shop", "champion").manifest
    return len(measured.days(shop.home.workspace.predictions, shop.job, score_date, manifest, 30))


def test_the_days_before_count_once_each_and_keep_what_was_measured(shop: Shop) -> None:
    enter(shop, drawn.measured(shop, [0.9] * 3, log_loss=0.5, brier=0.2, accuracy=0.8))
    manifest = registry.resolve(shop.home.path, "shop", "champion").manifest
    days = measured.days(shop.home.workspace.predictions, shop.job, day(3), manifest, 30)
    assert [dict(each.metrics) for each in days] == [FIGURES, FIGURES]
    np.testing.assert_array_equal(days[0].bins.sums, BINS.sums)


def test_what_says_nothing_of_the_version_on_new_days_stays_out(shop: Shop) -> None:
    enter(shop, drawn.measured(shop, [0.9], first=1, in_sample=1.0))
    enter(shop, drawn.measured(shop, [0.9], first=2, outcomes=29.0))
    enter(shop, drawn.measured(shop, [0.9], first=3, version=2))
    drawn.measured(shop, [0.9], first=4)  # no bins: measured before estimates learnt from them
    assert before(shop, day(9)) == 0
    enter(shop, drawn.measured(shop, [0.9], first=5, in_sample=0.0))
    assert before(shop, day(9)) == 1


def test_a_run_that_was_never_published_takes_no_outcomes(shop: Shop) -> None:
    run = shop.hold()
    with (
        pytest.raises(sa.exc.ProgrammingError, match=f"run {run} was never published"),
        postgres.engine(shop.home.workspace.predictions).begin() as connection,
    ):
        measured.enter(connection, run, BINS)
