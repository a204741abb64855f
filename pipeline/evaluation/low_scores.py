"""How rare low scores are on a day, beside training's: what scores that are all too high show on any day.

What a day lost depends on its luck. Its lowest scores hardly do: on a bad day, too, most models are sure of some
entities. So the second figure that the quality alarm follows is how few of a day's scores are as low as the lowest
tenth of training's, by models that had not seen the day. Its rate and power, and what it was chosen on, are in
benchmarks/README.md.
"""

import numpy as np

from pipeline.evaluation.e_detector import Floats
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference

# The first bins of scores: what is lower than any that training saw, and training's lowest tenth.
BINS = 2
# By how many standard errors more than training's mean a day's place may be. Scores are higher on some days than on
# others, for days on end; those of a fault are far beyond.
ERRORS = 8.0
# Shares of training's scores that are called a tenth.
_TENTH = (0.08, 0.12)


def rarity(low: Counts | float, rows: Counts | float) -> Floats:
    """The logarithm of how many scores come on one that is low.

    Args:
        low: of a day, how many scores are in the lowest tenth of training's.
        rows: how many it has in all. One more is counted of both, as there may be no low one.
    """
    rare: Floats = np.log((np.asarray(rows) + 1) / (np.asarray(low) + 1))
    return rare


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
