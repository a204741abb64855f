"""pipeline/estimation/score_bins.py: what is kept of scores adds up, and nothing is lost on the way to a table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimation.score_bins import BINS, ScoreBins, log_odds

CHANCES = st.floats(0, 1)


def bins(scores: list[float]) -> ScoreBins:
    """Scores that are called positive from a half on, and turn out so where their third digit is even."""
    values = np.array(scores, np.float64)
    return ScoreBins.of(values, values >= 0.5, np.floor(values * 1000) % 2)


@given(st.lists(CHANCES, max_size=30), st.lists(CHANCES, max_size=30))
def test_the_bins_of_two_parts_are_those_of_the_run(first: list[float], second: list[float]) -> None:
    together = bins(first) + bins(second)
    np.testing.assert_allclose(together.sums, bins(first + second).sums, atol=1e-9)
    assert len(together) == len(first) + len(second)
    np.testing.assert_array_equal(ScoreBins.read(together.columns()).sums, together.sums)


@given(CHANCES, CHANCES)
def test_a_higher_score_lies_in_no_lower_bin(one: float, other: float) -> None:
    low, high = (int(bins([score])["rows"].argmax()) for score in sorted((one, other)))
    assert low <= high


def test_a_score_lies_within_a_tenth_of_the_middle_of_its_bin() -> None:
    for score in (0.001, 0.1, 0.5, 0.73, 0.9999):
        [place] = np.flatnonzero(bins([score])["rows"])
        assert abs(log_odds()[place] - np.log(score / (1 - score))) <= 0.05 + 1e-9
    assert [int(bins([score])["rows"].argmax()) for score in (0.0, 1.0)] == [0, BINS - 1]
