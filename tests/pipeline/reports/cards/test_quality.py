"""pipeline/reports/cards/quality.py: the last published runs of a version, each as heavy as it has outcomes."""

import pytest

from pipeline.reports.cards import quality
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, kept, look, name_outcomes, opened


def test_what_a_version_has_published_is_added_up(home: Home) -> None:
    shop = opened(home, shop_rows())
    read = [job for job in quality.read(home.uri("predictions"), "shop", 1) if job.name == shop.job]
    assert [(job.dates, job.measured, job.groups) for job in read] == [([NIGHT], 0, [])]
    name_outcomes(shop, bought(shop_rows()), slices=BY)
    look(shop)
    (job,) = (job for job in quality.read(home.uri("analyst"), "shop", 1) if job.name == shop.job)
    assert (job.measured, job.in_sample, job.alarms) == (1, 0, 0)
    whole = job.groups[0]
    assert (whole.column, whole.outcomes) == ("", 100)
    assert whole.figures["log_loss"] == pytest.approx(kept(shop)["log_loss"])
    assert {group.column for group in job.groups} == {"", *BY}
    assert quality.read(home.uri("analyst"), "shop", 9) == []


def test_errors_that_are_squared_add_up_as_squares() -> None:
    assert quality._mean("rmse", [(3.0, 1), (4.0, 1)]) == pytest.approx(12.5**0.5)
    assert quality._mean("mae", [(3.0, 3), (1.0, 1)]) == 2.5
