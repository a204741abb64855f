"""How often scores came true so far: the chance of the positive class that a score stands for, read off outcomes."""

import numpy as np

from pipeline.estimation.score_bins import BINS, Floats, ScoreBins, log_odds


def chances(measured: ScoreBins) -> Floats:
    """The chance of the positive class in each bin: what the outcomes say, as far as it rises with the score.

    An isotonic regression (Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability
    estimates, KDD 2002). A bin that no outcome is in has the chance of its neighbours. Without any outcome a score is
    taken for the chance that it says.
    """
    if not len(measured):
        odds = log_odds()
        stated: Floats = 1 / (1 + np.exp(-odds))
        return stated
    # A web server that reads a page's figures, and a job that is no binary model's, need not wait for it.
    from sklearn.isotonic import isotonic_regression

    rows = measured["rows"]
    places = np.flatnonzero(rows)
    rates = measured["positives"][places] / rows[places]
    rising = isotonic_regression(rates, sample_weight=rows[places], y_min=0, y_max=1)
    between: Floats = np.interp(np.arange(BINS), places, rising)
    return between
