"""What metrics are expected of scores whose outcomes are not known yet, from the chance of the positive class.

This is the estimate of NannyML's CBPE (confidence-based performance estimation): each score counts as positive with its
calibrated probability, and as negative with the rest.
"""

import numpy as np

from pipeline.estimation.score_bins import Floats, ScoreBins

METRICS = ("log_loss", "brier", "roc_auc", "accuracy")


def expected(bins: ScoreBins, chances: Floats) -> dict[str, float]:
    """The expected metrics of some scores; one that is not defined for them is left out.

    Exact where all scores of a bin have the same chance, and come true independently. Of the ROC AUC it is the ratio of
    what is expected of its counts: of pairs in the right order, and of pairs. Scores of one bin count as equal.

    Args:
        bins: of the scores.
        chances: of the positive class, for each bin.
    """
    rows, rest = bins["rows"], 1 - chances
    if not len(bins):
        return {}
    total = rows.sum()
    loss = -(chances * bins["log_score"] + rest * bins["log_rest"])
    squares = chances * (rows - 2 * bins["score"] + bins["score_squared"]) + rest * bins["score_squared"]
    right = chances * bins["called"] + rest * (rows - bins["called"])
    values = {
        "log_loss": float(loss.sum() / total),
        "brier": float(squares.sum() / total),
        "accuracy": float(right.sum() / total),
    }
    area = _roc_auc(rows, chances)
    return values if area is None else values | {"roc_auc": area}


def _roc_auc(rows: Floats, chances: Floats) -> float | None:
    positive, negative = rows * chances, rows * (1 - chances)
    # A row makes no pair with itself.
    itself = rows * chances * (1 - chances)
    pairs = positive.sum() * negative.sum() - itself.sum()
    if pairs <= 0 or np.count_nonzero(rows) < 2:  # a constant ranks nothing
        return None
    below = np.cumsum(negative) - negative
    ordered = (positive * below).sum() + 0.5 * (positive * negative - itself).sum()
    return float(ordered / pairs)
