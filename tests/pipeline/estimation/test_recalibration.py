"""pipeline/estimation/recalibration.py: a score stands for what became of such scores, and it rises with the score."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.estimation.recalibration import chances
from pipeline.estimation.score_bins import ScoreBins, log_odds


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 300))
def test_chances_rise_with_the_score_and_make_as_many_positives_as_there_were(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.random(rows)
    measured = ScoreBins.of(scores, scores >= 0.5, (random.random(rows) < scores**2).astype(float))
    calibrated = chances(measured)
    assert (np.diff(calibrated) >= 0).all()
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1
    assert np.isclose((calibrated * measured["rows"]).sum(), measured["positives"].sum())


def test_scores_that_are_half_too_high_are_set_right() -> None:
    random = np.random.default_rng(7)
    chance = random.uniform(0.1, 0.6, 200_000)
    scores = chance * 1.5
    calibrated = chances(
        ScoreBins.of(scores, scores >= 0.5, (random.random(len(scores)) < chance).astype(float))
    )
    for score in (0.3, 0.6, 0.8):
        place = int(ScoreBins.of(np.array([score]), np.array([True]))["rows"].argmax())
        assert abs(calibrated[place] - score / 1.5) < 0.03


def test_without_outcomes_a_score_stands_for_itself() -> None:
    np.testing.assert_allclose(chances(ScoreBins.empty()), 1 / (1 + np.exp(-log_odds())))
