"""What a rule of the quality alarm's kind could find on the flights with hindsight: `python -m benchmarks.bound`.

Figures of the later nights are followed by a CUSUM (Page, Continuous inspection schemes, Biometrika, 1954). What it
takes off each night, and its limit, are those of fifteen that find most of the 28-night windows with scores x1.5, where
5 % of years have an alarm that are drawn in fortnights from the very same nights without a fault. The last rows follow
the log-odds of a fault by a logistic regression of all figures and their products, which was fitted on these nights.

No rule knows all this beforehand, so the largest figure is a bound for rules that are right about the rate. Years are
drawn from the training nights besides, which later nights are worse than.
"""

import argparse
from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from benchmarks import losses, nights
from benchmarks.losses import FAULTS
from benchmarks.quality import PIECE, RATE, WINDOW, YEARS, years_of
from benchmarks.spoil import SEED, Floats

FIGURES = ("loss", "overestimate", "expected/came", "log-odds", "mean score", "rows")
Night = tuple[Floats, Floats]


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    one = nights.flights()
    report(list(losses.flights_unseen(one).values()), losses.scored(one))


def report(training: list[Night], later: list[Night]) -> None:
    """Print how many windows with scores x1.5 each figure finds with hindsight."""
    base = float(np.concatenate([outcome for outcome, _ in training]).mean())
    spoil = FAULTS["scores x1.5"]
    spoilt = _figures([(outcome, spoil(scores)) for outcome, scores in later], base)
    print(f"windows of {WINDOW} nights with scores x1.5, where {RATE:.0%} of years have an alarm")
    for name, ordinary in (
        ("later nights", _figures(later, base)),
        ("training nights", _figures(training, base)),
    ):
        shares = {figure: _share(ordinary[figure], spoilt[figure]) for figure in FIGURES[:4]}
        shares |= {f"all, {degree}": _share(*_fitted(ordinary, spoilt, degree)) for degree in (1, 2)}
        text = ", ".join(f"{figure} {share:.1%}" for figure, share in shares.items())
        print(f"years of {name}: {text}", flush=True)


def _figures(nights_: list[Night], base: float) -> Mapping[str, Floats]:
    rows = [_of_night(outcome, scores, base) for outcome, scores in nights_]
    return dict(zip(FIGURES, np.array(rows).T, strict=True))


def _of_night(outcome: Floats, scores: Floats, base: float) -> tuple[float, ...]:
    loss = losses.relative(outcome, scores, base)
    # The score test of Cox's recalibration by a constant; one more, as scores of 0 and 1 leave nothing to chance.
    overestimate = (scores.sum() - outcome.sum()) / np.sqrt(1 + (scores * (1 - scores)).sum())
    ratio = np.log((scores.sum() + 1) / (outcome.sum() + 1))
    return loss, overestimate, ratio, _too_high(outcome, scores), np.log(scores.mean()), len(scores)


def _too_high(outcome: Floats, scores: Floats) -> float:
    """By how much the log-odds at their mean are too high, where a slope is fitted besides (Cox, 1958).

    By Newton's method; a prior draws both to calibrated scores, so that nights of few outcomes have them, too.
    """
    certain = np.clip(scores, 1e-6, 1 - 1e-6)
    odds = np.log(certain) - np.log1p(-certain)
    design, prior, fitted = (
        np.column_stack([np.ones_like(odds), odds - odds.mean()]),
        np.diag([1.0, 4.0]),
        np.zeros(2),
    )
    for _ in range(12):
        chance = 1 / (1 + np.exp(-odds - design @ fitted))
        gradient = design.T @ (outcome - chance) - prior @ fitted
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + prior
        fitted = fitted + np.clip(np.linalg.solve(curvature, gradient), -1, 1)
    return -float(fitted[0])


def _share(ordinary: Floats, spoilt: Floats) -> float:
    """The largest share of windows that is found, over what is taken off each night."""
    random = np.random.default_rng(SEED)
    years = years_of(random, ordinary, np.arange(len(ordinary) - PIECE + 1), YEARS)
    shares = []
    for standard in np.linspace(-0.5, 3, 15):
        allowance = ordinary.mean() + standard * ordinary.std()
        limit = np.quantile(_highest(years - allowance), 1 - RATE)
        shares.append((_highest(sliding_window_view(spoilt, WINDOW) - allowance) > limit).mean())
    return float(max(shares))


def _highest(steps: Floats) -> Floats:
    """The highest that the CUSUM of each stream is."""
    level = highest = np.zeros(len(steps))
    for night in range(steps.shape[1]):
        level = np.maximum(level + steps[:, night], 0)
        highest = np.maximum(highest, level)
    return highest


def _fitted(
    ordinary: Mapping[str, Floats], spoilt: Mapping[str, Floats], degree: int
) -> tuple[Floats, Floats]:
    """The log-odds that a night is spoilt, by all figures, of the nights on which they were fitted."""
    sides = [np.column_stack([side[name] for name in FIGURES]) for side in (ordinary, spoilt)]
    model = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(degree, include_bias=False),
        LogisticRegression(C=10, max_iter=5000),
    )
    model.fit(np.vstack(sides), np.repeat([0, 1], [len(side) for side in sides]))
    first, second = (model.decision_function(side) for side in sides)
    return first, second


if __name__ == "__main__":
    main()
