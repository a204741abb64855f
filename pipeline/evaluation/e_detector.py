"""Is a model worse than it was in training? A sequential test of days, whose rate holds under a look every day.

A figure of each day, such as its loss, is put between 0, where three quarters of ordinary days lie, and 1, far beyond
the worst of them. Where the model is no worse, the expected place of a day is at most that of ordinary days, whatever
the days before were. A gambler who stakes a share of what he has on each day's place being higher then wins nothing on
average, so that what he has is evidence (Waudby-Smith and Ramdas, Estimating means of bounded random variables by
betting, JRSS B, 2024). One begins each day, since nobody knows when a fault will: the sum of what they have is an
e-detector of Shiryaev and Roberts' kind (Shin, Ramdas and Rinaldo, E-detectors, New England Journal of Statistics in
Data Science, 2024), averaged over stakes, and over the figures that are followed.

While the model is no worse, the sum grows by no more than 1 a day on average. So it reaches 365 / rate within 365 days
in no more than that share of years. What was chosen on what, benchmarks/README.md says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

YEAR = 365

# Shares of the most that may be staked, which is all.
_STAKES = np.geomspace(0.05, 0.9, 4)
# The figure that is 0: a share of ordinary days lie below.
_LOW = 0.75
# How far beyond the median the figure is 1, in distances from the median to what a tenth of ordinary days exceed.
_REACH, _TOP = 8.0, 0.9
# By how many standard errors more than ordinary days' mean a day's place is taken to be where the model is no worse:
# few of them say little of what is ordinary.
TRAINING_ERRORS, FIRST_ERRORS = 3.0, 5.0
# Bad days come together, and many of them then say less than as many that do not. So the error of their mean counts how
# much a day resembles those of the fortnight before it, but of a few days no more than a quarter of them.
_LAGS, _LAGS_OF_DAYS = 13, 4
# Days that are all alike would have the gamblers stake more than they have.
_LEAST = 0.01

# So many measured days say together that it is over.
WINDOW = 14


@dataclass(frozen=True)
class Ordinary:
    """What a figure was on ordinary days.

    Attributes:
        low: the figure that is 0 on the scale.
        high: the figure that is 1.
        mean: their mean.
        most: the expected place, on the scale, of a day of a model that is no worse.
    """

    low: float
    high: float
    mean: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float], errors: float = TRAINING_ERRORS) -> Self:
        """What is ordinary by these days.

        Args:
            figures: of at least two days, in order of date; the higher, the worse.
            errors: standard errors more that a day's place is taken to be.
        """
        values = np.asarray(figures, np.float64)
        median, low, top = (float(np.quantile(values, share)) for share in (0.5, _LOW, _TOP))
        spread = max(top - median, 0.01 * abs(median), 1e-9)
        high = median + _REACH * spread
        places = np.clip((values - low) / (high - low), 0, 1)
        most = places.mean() + errors * _standard_error(places)
        return cls(low, high, float(values.mean()), float(np.clip(most, _LEAST, 0.9)))

    def places(self, figures: Sequence[float] | Floats) -> Floats:
        """Figures on the scale, from 0 to 1; NaN of a day that has none."""
        places: Floats = np.clip((np.asarray(figures, np.float64) - self.low) / (self.high - self.low), 0, 1)
        return places


def _standard_error(places: Floats) -> float:
    """Of the mean of days that resemble one another (Newey and West, A simple covariance matrix, 1987)."""
    days, lags = len(places), min(_LAGS, len(places) // _LAGS_OF_DAYS)
    far = places - places.mean()
    alike = sum((1 - lag / (lags + 1)) * float(far[lag:] @ far[:-lag]) for lag in range(1, lags + 1))
    # Never below that of days that have nothing to do with one another.
    variance = (float(far @ far) + 2 * max(alike, 0.0)) / (days - 1)
    return float(np.sqrt(variance / days))


@dataclass(frozen=True)
class State:
    """What the days until one of them say together.

    Attributes:
        evidence: the logarithm of what the gamblers have, in units of its limit: at 1 it is an alarm.
        alarm: whether it was reached, and is not over.
        means: each figure's mean over the last days; NaN where none of them has it.
        days: how many these are.
    """

    evidence: float
    alarm: bool
    means: tuple[float, ...]
    days: int


def limit(rate: float) -> float:
    """What the gamblers together have at an alarm that comes in no more than this share of years by chance."""
    return YEAR / rate


def bet(fortunes: Floats, places: Floats, ordinary: Ordinary) -> Floats:
    """What the gamblers on a figure have after a day.

    Args:
        fortunes: what they had, of shape (..., stakes); nothing at first.
        places: of the day, of shape (...). Where it is NaN nobody bets.
        ordinary: what the figure was on ordinary days.
    """
    stakes = _STAKES / ordinary.most
    # Another gambler comes with 1 for each stake.
    won = (fortunes + 1) * (1 + stakes * (places[..., None] - ordinary.most))
    after: Floats = np.where(np.isnan(won), fortunes, won)
    return after


def begin(streams: int) -> Floats:
    """What the gamblers of so many streams of days have before the first."""
    return np.zeros((streams, len(_STAKES)))


def follow(ordinary: Sequence[Ordinary], days: Sequence[Sequence[float]], rate: float) -> list[State]:
    """What the days say together, day by day.

    It is over when, by every figure, the last days together are no worse than ordinary ones. The gamblers then begin
    again.

    Args:
        ordinary: what each figure was on ordinary days.
        days: each figure of the measured days, in order of date, of shape (days, figures); NaN where a day has none.
        rate: share of years that may have an alarm while the model is no worse.
    """
    if not ordinary:
        return []
    figures = np.array(days, np.float64).reshape(-1, len(ordinary))
    places = np.column_stack([each.places(figures[:, column]) for column, each in enumerate(ordinary)])
    most, usual = limit(rate), np.array([each.most for each in ordinary])
    fortunes, alarm, states = begin(len(ordinary)), False, []
    for number, day in enumerate(places):
        won = [bet(had, place, each) for had, place, each in zip(fortunes, day, ordinary, strict=True)]
        # What it has beyond the square of the limit says no more, and is no float some day.
        fortunes = np.minimum(np.array(won), most**2)
        have = float(fortunes.mean())
        last = slice(max(number + 1 - WINDOW, 0), number + 1)
        if alarm and not (_means(places[last]) > usual).any():
            alarm, fortunes, have = False, begin(len(ordinary)), 0.0
        alarm = alarm or have >= most
        evidence = max(float(np.log(max(have, 1.0)) / np.log(most)), float(alarm))
        means = tuple(_means(figures[last]).tolist())
        states.append(State(evidence, alarm, means, last.stop - last.start))
    return states


def _means(days: Floats) -> Floats:
    """The mean of each column over the days that have it; NaN where none has."""
    has = ~np.isnan(days)
    means: Floats = np.where(has, days, 0).sum(axis=0) / np.where(has.any(axis=0), has.sum(axis=0), np.nan)
    return means
