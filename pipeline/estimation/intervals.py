"""Where a day's metric will lie: around its estimate, as far as the days before lay from theirs.

A day is a cluster: its rows share a weather and a weekday, so that a day lies farther from its estimate than chance
among its rows would have it. So the interval is read off whole days. Each measured day has an error, what was measured
less what would have been estimated before; the next day's error lies between the low and the high ones of them with
the stated chance, where days come in no particular order (split conformal prediction: Papadopoulos et al. 2002; Lei et
al., Distribution-free predictive inference for regression, JASA 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.estimation.score_bins import Floats

# The chance with which a day's metric lies in its interval.
COVERAGE = 0.9
# The next of so many errors is the least with a chance of 1 in 21, and as often the greatest. Of fewer than 19 days the
# least and the greatest error lie too near for the stated chance.
LEAST_DAYS = 20


@dataclass(frozen=True)
class Interval:
    """Between which errors a day's lies."""

    low: float
    high: float


def of_errors(errors: Sequence[float] | Floats) -> Interval | None:
    """The interval of the next error; None where too few are known.

    Args:
        errors: of the measured days, in any order; NaN where a day has none.
    """
    known = np.sort(np.asarray(errors, np.float64))
    known = known[np.isfinite(known)]
    if len(known) < LEAST_DAYS:
        return None
    # Of N errors and the next one, each rank is as likely: the quantiles are those of N + 1.
    low, high = np.quantile(known, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], method="weibull")
    return Interval(float(low), float(high))
