"""How far the rows of a slice's values are from what is expected of them beside the run's other rows."""

import numpy as np

from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import Floats


def psi(counts: Counts, training: Counts, weight: float) -> Floats:
    """How far the rows of each value are from what is expected of them: population stability index.

    Expected are the training's shares, moved as the run's other rows moved from theirs: what befell all rows alike,
    such as a season, is no fault of a slice. Shares of few rows are drawn towards what is expected.

    Args:
        counts: of shape (..., values + 1, bins).
        training: of shape (values + 1, bins).
        weight: of what is expected, in rows.

    Returns:
        of shape (..., values).
    """
    own, others = counts[..., :-1, :], counts.sum(axis=-2, keepdims=True) - counts[..., :-1, :]
    usual, of_others = (
        (each + 0.5) / (each.sum(axis=-1, keepdims=True) + 0.5 * each.shape[-1])
        for each in (training[:-1], training.sum(axis=0) - training[:-1])
    )
    expected = usual * _drawn(others, of_others, weight) / of_others
    expected /= expected.sum(axis=-1, keepdims=True)
    here = _drawn(own, expected, weight)
    index: Floats = ((here - expected) * np.log(here / expected)).sum(axis=-1)
    return index


def _drawn(counts: Counts, expected: Floats, weight: float) -> Floats:
    shares: Floats = (counts + weight * expected) / (counts.sum(axis=-1, keepdims=True) + weight)
    return shares
