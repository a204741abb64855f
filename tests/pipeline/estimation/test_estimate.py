"""pipeline/estimation/estimate.py: nine days in ten lie in their interval, also days that have a level of their own."""

import numpy as np
import pytest

from pipeline.estimation import intervals
from pipeline.estimation.estimate import WINDOW, Estimate, MeasuredDay, errors, estimate
from pipeline.estimation.expectation import METRICS
from pipeline.estimation.intervals import LEAST_DAYS
from pipeline.estimation.score_bins import Floats, ScoreBins


def days(seed: int, number: int, level: float = 0.0, rows: int = 150) -> list[MeasuredDay]:
    """Days of a model whose scores are calibrated; the level of each day moves its chances."""
    random = np.random.default_rng([20240301, seed])
    drawn = []
    for mood in random.normal(0, level, number):
        chance = random.beta(2, 4, rows)
        odds = chance / (1 - chance) * np.exp(mood)
        outcome = (random.random(rows) < odds / (1 + odds)).astype(float)
        called = chance >= 0.5
        metrics = {
            "log_loss": float(-np.log(np.where(outcome == 1, chance, 1 - chance)).mean()),
            "brier": float(np.square(chance - outcome).mean()),
            "roc_auc": float(np.mean(chance[outcome == 1][:, None] > chance[outcome == 0])),
            "accuracy": float(np.mean(called == outcome)),
        }
        drawn.append(MeasuredDay(ScoreBins.of(chance, called, outcome), metrics))
    return drawn


# These seeds chose nothing.
@pytest.mark.parametrize(("level", "seeds"), [(0.0, range(4)), (0.4, range(4, 8))])
def test_nine_days_in_ten_lie_in_their_interval(level: float, seeds: range) -> None:
    held: dict[str, list[bool]] = {metric: [] for metric in METRICS}
    for seed in seeds:
        all_errors = errors(days(seed, 100, level, rows=60))
        for place in range(LEAST_DAYS, len(all_errors)):
            for metric, hits in held.items():
                before = [error[metric] for error in all_errors[max(place - WINDOW, 0) : place]]
                interval = intervals.of_errors(before)
                assert interval is not None
                hits.append(interval.low <= all_errors[place][metric] <= interval.high)
    assert {metric: np.mean(hits) for metric, hits in held.items() if not 0.85 <= np.mean(hits) <= 0.95} == {}


def test_an_estimate_lies_in_its_interval_and_its_width_is_that_of_days() -> None:
    quiet, moody = days(1, 60), days(1, 60, level=0.8)
    of_quiet, of_moody = (estimate(some[-1].bins, some[:-1]) for some in (quiet, moody))
    assert set(of_quiet.values) == set(METRICS)
    for low, value, high in of_quiet.values.values():
        assert low < value < high
    widths = [each.values["brier"][2] - each.values["brier"][0] for each in (of_quiet, of_moody)]
    assert widths[1] > 1.5 * widths[0]


def test_too_few_days_withhold_it() -> None:
    some = days(2, LEAST_DAYS)
    assert estimate(some[-1].bins, some[:-1]) == Estimate(LEAST_DAYS - 1)
    assert estimate(ScoreBins.empty(), some) == Estimate(LEAST_DAYS)
    assert Estimate(3).metrics() == {"estimate_runs": 3.0}


def test_scores_that_mean_less_than_they_say_are_expected_to_lose_more() -> None:
    some = days(3, 60)
    scores = np.linspace(0.02, 0.98, 200)
    bins = ScoreBins.of(scores, scores >= 0.5)
    sure = [MeasuredDay(day.bins, day.metrics) for day in some]
    doubtful = [MeasuredDay(ScoreBins(_halved(day.bins.sums)), day.metrics) for day in some]
    assert estimate(bins, doubtful).values["log_loss"][1] > estimate(bins, sure).values["log_loss"][1]


def _halved(sums: Floats) -> Floats:
    """The same scores, of which half as many turned out positive."""
    return np.concatenate([sums[:1], sums[1:2] / 2, sums[2:]])
