"""pipeline/estimation/intervals.py: the next day's error lies in the interval with the stated chance."""

import numpy as np
import pytest

from pipeline.estimation.intervals import COVERAGE, LEAST_DAYS, of_errors


@pytest.mark.parametrize("days", [LEAST_DAYS, 60])
def test_of_days_in_no_order_it_holds_the_stated_share(days: int) -> None:
    random = np.random.default_rng(days)
    # Skewed, as a loss is.
    errors = random.gamma(2, 1, (2000, days + 1))
    intervals = [of_errors(row[:-1]) for row in errors]
    held = [
        each is not None and each.low <= row[-1] <= each.high
        for each, row in zip(intervals, errors, strict=True)
    ]
    assert abs(np.mean(held) - COVERAGE) < 0.02


def test_too_few_days_have_none_and_a_day_without_a_metric_does_not_count() -> None:
    errors = [*np.linspace(-1, 1, LEAST_DAYS - 1), float("nan"), float("nan")]
    assert of_errors(errors) is None
    assert of_errors([*errors, 0.5]) is not None
