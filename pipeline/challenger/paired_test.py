"""Is one version better than another on the same days? A test of their differences that may be looked at every day.

The two score the same entities, so what makes a day hard is hard for both, and what is left is their difference. Where
neither is better, a day's difference is as likely to be up by some amount as down by it, whatever the days before said.
Then, for any number s, exp(s D - s^2 V / 2) is expected not to grow, where D is the differences' sum and V the sum
of their squares (de la Pena, A general class of exponential inequalities for martingales and ratios, Annals of
Probability, 1999). Averaged over s from a normal distribution it is the evidence, in one formula (Robbins' mixture;
Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of
Statistics, 2021). It reaches 1 / rate on any day, ever, with no more probability than the rate.

Each difference is first divided by the root mean square of all until then, itself among them: the sign of a day says
nothing of its size, so what was said of the sum still holds, and no unit has to be chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Verdict = Literal["better", "worse", "undecided"]

# How often a verdict may be wrong where neither is better, under a look every day for ever.
WRONG = 0.05
# The mixture is at its best after this many days, times some eight.
_DAYS = 4.0
# Where the interval's bounds are looked for, in largest distances of a day from the mean.
_FAR, _STEPS, _HALVINGS = 100.0, 400, 40


@dataclass(frozen=True)
class Paired:
    """What the days so far say together.

    Attributes:
        days: how many there are.
        mean: the mean difference; above 0, the challenger loses less.
        low: the interval's lower bound; None where the days are too few to have one.
        high: its upper bound.
        evidence: the logarithm of the evidence that one is better, in units of its limit: at 1 it is decided.
        verdict: of the challenger.
    """

    days: int
    mean: float
    low: float | None
    high: float | None
    evidence: float
    verdict: Verdict


def compare(differences: Sequence[float], rate: float) -> Paired:
    """Test whether the mean difference is other than 0.

    Args:
        differences: the champion's loss less the challenger's, a day each, in order of date.
        rate: how often a verdict may be wrong where neither is better, under a look every day for ever.
    """
    values = np.asarray(differences, np.float64)
    if not len(values):
        return Paired(0, 0.0, None, None, 0.0, "undecided")
    limit, mean = float(np.log(1 / rate)), float(values.mean())
    evidence = max(float(log_evidence(values, np.zeros(1))[0]) / limit, 0.0)
    low, high = _interval(values, limit)
    decided: Verdict = "better" if standardised(values).sum() > 0 else "worse"
    return Paired(len(values), mean, low, high, evidence, decided if evidence >= 1 else "undecided")


def log_evidence(differences: Floats, means: Floats) -> Floats:
    """The logarithm of the evidence against each of some mean differences.

    Args:
        differences: of shape (days,).
        means: of shape (means,).
    """
    return log_evidence_each_day(differences - means[:, None])[:, -1]


def log_evidence_each_day(differences: Floats) -> Floats:
    """The logarithm of the evidence that the mean is not 0, after each day.

    Args:
        differences: of shape (streams, days).
    """
    scaled = standardised(differences)
    total, squares = np.cumsum(scaled, axis=-1), np.cumsum(scaled**2, axis=-1) + _DAYS
    evidence: Floats = (total**2 / squares + np.log(_DAYS / squares)) / 2
    return evidence


def standardised(differences: Floats) -> Floats:
    """Each difference in root mean squares of those until then; 0 where all are 0."""
    days = np.arange(1, differences.shape[-1] + 1)
    size = np.sqrt(np.cumsum(differences**2, axis=-1) / days)
    scaled: Floats = np.divide(differences, size, out=np.zeros_like(differences), where=size > 0)
    return scaled


def _interval(differences: Floats, limit: float) -> tuple[float | None, float | None]:
    """The mean differences that the evidence does not exclude, from the lowest to the highest."""
    centre = float(differences.mean())
    reach = float(np.abs(differences - centre).max())
    if not reach and len(differences) > 1:
        return centre, centre
    bounds = [_bound(differences, centre, side * reach, limit) for side in (-1, 1)]
    return (bounds[0], bounds[1]) if None not in bounds else (None, None)


def _bound(differences: Floats, centre: float, reach: float, limit: float) -> float | None:
    """The farthest mean difference to one side that is not excluded; None where nothing is."""
    means = centre + reach * np.concatenate([[0.0], np.geomspace(1e-3, _FAR, _STEPS)])
    inside = np.flatnonzero(log_evidence(differences, means) < limit)
    if not len(inside) or inside[-1] == len(means) - 1:
        return None
    near, far = means[inside[-1]], means[inside[-1] + 1]
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        if log_evidence(differences, np.array([middle]))[0] < limit:
            near = middle
        else:
            far = middle
    return float(far)
