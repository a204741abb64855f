"""pipeline/estimation/expectation.py: the estimate is the exact expectation, over all that may become of the scores."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimation.expectation import expected
from pipeline.estimation.score_bins import BINS, Floats, ScoreBins

# Each in a bin of its own; some come twice.
SCORES = st.lists(st.sampled_from([0.02, 0.1, 0.35, 0.5, 0.62, 0.9, 0.999]), min_size=1, max_size=6)


def bins_of(scores: Floats) -> ScoreBins:
    """Scores that are called positive from a half on."""
    return ScoreBins.of(scores, scores >= 0.5)


def brute(scores: Floats, chance: Floats) -> dict[str, float]:
    """Every outcome in turn, weighted by its chance; of the ROC AUC its counts of pairs."""
    outcomes = np.array(list(itertools.product([0.0, 1.0], repeat=len(scores))))
    weight = np.where(outcomes == 1, chance, 1 - chance).prod(axis=1)
    losses = {
        "log_loss": -np.where(outcomes == 1, np.log(scores), np.log(1 - scores)),
        "brier": np.square(scores - outcomes),
        "accuracy": np.where(scores >= 0.5, outcomes, 1 - outcomes),
    }
    values = {name: float(weight @ loss.mean(axis=1)) for name, loss in losses.items()}
    right = (scores[:, None] > scores) + 0.5 * (scores[:, None] == scores)
    pair = outcomes[:, :, None] * (1 - outcomes[:, None, :])
    pairs = float(weight @ pair.sum(axis=(1, 2)))
    ordered = float(weight @ (pair * right).sum(axis=(1, 2)))
    return values | ({"roc_auc": ordered / pairs} if np.ptp(scores) else {})


@given(SCORES, st.integers(0, 2**31))
def test_it_is_what_all_outcomes_together_have(scores: list[float], seed: int) -> None:
    values = np.array(scores)
    chances = np.random.default_rng(seed).random(BINS)
    own = chances[[int(bins_of(values[[place]])["rows"].argmax()) for place in range(len(values))]]
    assert expected(bins_of(values), chances) == pytest.approx(brute(values, own), abs=1e-9)


def test_of_no_score_nothing_is_expected() -> None:
    assert expected(ScoreBins.empty(), np.full(BINS, 0.5)) == {}


def test_one_score_alone_ranks_nothing() -> None:
    assert "roc_auc" not in expected(bins_of(np.full(9, 0.3)), np.full(BINS, 0.5))
