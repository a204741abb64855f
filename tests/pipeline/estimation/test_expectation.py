"""pipeline/estimation/expectation.py: the estimate is the exact expectation, over all that may become of the scores."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimation.expectation import expected
from pipeline.estimation.score_bins import BINS, ScoreBins
from pipeline.evaluation.metrics import LabelledScores, losses

# Each in a bin of its own; some come twice.
SCORES = st.lists(st.sampled_from([0.02, 0.1, 0.35, 0.5, 0.62, 0.9, 0.999]), min_size=1, max_size=6)


def bins_of(scores: np.ndarray) -> ScoreBins:  # type: ignore[type-arg]
    return ScoreBins.of(scores, scores >= 0.5)


def brute(scores: np.ndarray, chance: np.ndarray) -> dict[str, float]:  # type: ignore[type-arg]
    """Every outcome in turn, weighted by its chance; of the ROC AUC its counts of pairs."""
    sums = {"log_loss": 0.0, "brier": 0.0, "accuracy": 0.0}
    ordered = pairs = 0.0
    label = (scores >= 0.5).astype(np.int64)
    for outcome in map(np.array, itertools.product([0.0, 1.0], repeat=len(scores))):
        weight = float(np.where(outcome == 1, chance, 1 - chance).prod())
        measured = losses(LabelledScores("binary", ("no", "yes"), outcome, scores, label, None))
        for name in ("log_loss", "brier"):
            sums[name] += weight * measured[name]
        sums["accuracy"] += weight * float((label == outcome).mean())
        count = outcome.sum() * (1 - outcome).sum()
        pairs += weight * count
        ordered += weight * count * measured.get("roc_auc", 0.5)
    return sums | ({"roc_auc": ordered / pairs} if pairs and np.ptp(scores) else {})


@given(SCORES, st.integers(0, 2**31))
def test_it_is_what_all_outcomes_together_have(scores: list[float], seed: int) -> None:
    values = np.sort(np.array(scores))
    chances = np.random.default_rng(seed).random(BINS)
    own = chances[[int(bins_of(values[[place]])["rows"].argmax()) for place in range(len(values))]]
    assert expected(bins_of(values), chances) == pytest.approx(brute(values, own), abs=1e-9)


def test_of_no_score_nothing_is_expected() -> None:
    assert expected(ScoreBins.empty(), np.full(BINS, 0.5)) == {}


def test_one_score_alone_ranks_nothing() -> None:
    assert "roc_auc" not in expected(bins_of(np.full(9, 0.3)), np.full(BINS, 0.5))
