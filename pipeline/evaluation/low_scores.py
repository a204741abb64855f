"""How rare low scores are on a day, beside training's: what scores that are all too high show on any day.

What a day lost depends on its luck. Its lowest scores hardly do: on a bad day, too, most models are sure of some
entities. So the second figure that the quality alarm follows is how few of a day's scores are as low as the lowest
tenth of training's, by models that had not seen the day. It counts only while outcomes say, too, that scores are too
high: where entities have changed, scores are rightly higher. Its rate and power, and what it was chosen on, are in
benchmarks/README.md.
"""

import numpy as np

from pipeline.evaluation.e_detector import WINDOW, Floats
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference

# The first bins of scores: what is lower than any that training saw, and training's lowest tenth.
BINS = 2
# By how many standard errors more than training's mean a day's place may be. Scores are higher on some days than on
# others, for days on end; those of a fault are far beyond.
ERRORS = 8.0
# How many times what came the scores of the last days have to be, to be too high.
_TOO_HIGH = 1.25
# Shares of training's scores that are called a tenth.
_TENTH = (0.08, 0.12)


def rarity(low: Counts | Floats | float, rows: Counts | Floats | float) -> Floats:
    """The logarithm of how many scores come on one that is low.

    Args:
        low: of a day, how many scores are in the lowest tenth of training's.
        rows: how many it has in all. One more is counted of both, as there may be no low one.
    """
    rare: Floats = np.log((np.asarray(rows) + 1) / (np.asarray(low) + 1))
    return rare


def where_too_high(rare: Floats, scores: Floats, rates: Floats) -> Floats:
    """How rare low scores are on days until which scores were too high; 0 on all others, as if every score were low.

    Args:
        rare: of measured days in order of date, along the last axis.
        scores: their mean scores; NaN where that is unknown.
        rates: how often what was scored came, as a share.
    """
    has = ~np.isnan(scores + rates)
    expected, came = (_of_last_days(np.where(has, values, 0)) for values in (scores, rates))
    counting: Floats = np.where((expected >= _TOO_HIGH * came) & (expected > 0), rare, 0.0)
    return counting


def _of_last_days(values: Floats) -> Floats:
    sums = np.cumsum(values, axis=-1)
    before = np.zeros_like(sums)
    before[..., WINDOW:] = sums[..., :-WINDOW]
    last: Floats = sums - before
    return last


def are_a_tenth(low: Counts, rows: Counts) -> bool:
    """Whether the lowest tenth of these days' scores is about a tenth: where many are alike, it is not.

    Args:
        low: of each day, how many scores are in it.
        rows: how many the day has in all.
    """
    least, most = _TENTH
    return bool(least <= low.sum() / max(rows.sum(), 1) <= most)


def of_training(pinned: PinnedVersion, reference: Reference) -> list[float]:
    """How rare low scores were on each training day; none where that is unknown, or the model is not binary."""
    counts = reference.counts.get(SCORE)
    if counts is None or not reference.by_day or pinned.manifest.task != "binary":
        return []
    # The last bin is of what is missing.
    low, rows = counts[:, :BINS].sum(axis=1), counts[:, :-1].sum(axis=1)
    return rarity(low, rows).tolist() if are_a_tenth(low, rows) else []
