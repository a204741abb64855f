"""Whether a model errs alike in every group: rates of the groups of a slice, and a test before an alarm.

Groups always differ a little. So a gap is an alarm only where it is large, and where it would seldom come about if the
same outcomes had fallen to the groups by chance: counts of the same totals, drawn again and again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from pipeline.config.sections import OutcomesSection
from pipeline.evaluation.metrics import LabelledScores, rates

# What is compared between groups, of each kind of model. A regression's is the mean error.
COMPARED = {
    "binary": ("selection_rate", "recall", "false_positive_rate"),
    "multiclass": ("accuracy",),
    "regression": ("bias",),
}

# Draws of the test: a few tell that a gap is nothing special, and where they do not, many tell how special it is.
_FEW, _MANY = 499, 9_999
_OFTEN = 0.03
_SEED = 20130701

Groups = Mapping[str | None, LabelledScores]


@dataclass(frozen=True)
class Gap:
    """The largest difference of a figure between the groups of a slice; groups that are too small take no part.

    Attributes:
        column: the slice.
        figure: what differs.
        low: group with the smallest value, and that value.
        high: group with the largest value, and that value.
        p: how often groups made by chance would differ as much.
        alarm: whether it is larger than the job allows, and no chance at the job's rate of false alarms for the run.
    """

    column: str
    figure: str
    low: tuple[str | None, float]
    high: tuple[str | None, float]
    p: float
    alarm: bool

    @property
    def size(self) -> float:
        """How large the difference is."""
        return self.high[1] - self.low[1]

    def __str__(self) -> str:
        """The difference in words."""
        (low, least), (high, most) = self.low, self.high
        return f"{self.figure} by {self.column}: {least:.3g} ({low}) to {most:.3g} ({high}), p = {self.p:.2g}"


def gaps(slices: Mapping[str, Groups], rule: OutcomesSection) -> list[Gap]:
    """Compare the groups of every slice.

    Args:
        slices: for each column, its groups.
        rule: what the job holds to be a small group, a large gap, and too many false alarms.
    """
    differences = [
        gap
        for column, groups in slices.items()
        for figure in _figures(groups)
        for gap in _gap(column, figure, groups, rule)
    ]
    # Many comparisons of one run give something by chance: the run as a whole keeps to the rate (Bonferroni).
    limit = rule.false_alarm_rate / max(1, len(differences))
    return [
        Gap(gap.column, gap.figure, gap.low, gap.high, gap.p, alarm=gap.alarm and gap.p <= limit)
        for gap in differences
    ]


def _figures(groups: Groups) -> tuple[str, ...]:
    return COMPARED[next(iter(groups.values())).task] if groups else ()


def _gap(column: str, figure: str, groups: Groups, rule: OutcomesSection) -> Iterator[Gap]:
    if figure == "bias":
        errors = {name: group.errors for name, group in groups.items() if len(group) >= rule.min_group}
        values = {name: float(error.mean()) for name, error in errors.items()}
        unit = float(np.sqrt(np.mean(np.concatenate([*errors.values(), [0.0]]) ** 2)))
        if len(values) > 1 and unit:
            yield _largest(column, figure, values, _p_of_means(list(errors.values())), rule.gap * unit)
        return
    counts = {name: rates(group)[figure] for name, group in groups.items()}
    counts = {name: (hits, rows) for name, (hits, rows) in counts.items() if rows >= rule.min_group}
    if len(counts) > 1:
        values = {name: hits / rows for name, (hits, rows) in counts.items()}
        yield _largest(column, figure, values, _p_of_counts(np.array(list(counts.values()))), rule.gap)


def _largest(column: str, figure: str, values: dict[str | None, float], p: float, allowed: float) -> Gap:
    low, high = (end(values.items(), key=lambda item: item[1]) for end in (min, max))
    return Gap(column, figure, low, high, p, alarm=high[1] - low[1] > allowed)


def _p_of_counts(counts: npt.NDArray[np.int64]) -> float:
    """Pearson's chi-squared among drawn tables of the same totals, so that it holds however small the counts are."""
    hits, rows = counts.T
    if hits.sum() in (0, rows.sum()):
        return 1.0
    table = np.stack([hits, rows - hits])
    p = _p_of_draws(table, _FEW)
    if p > _OFTEN:
        return p
    p = _p_of_draws(table, _MANY)
    # Beyond all the draws the formula tells how far.
    return min(p, float(stats.chi2_contingency(table, correction=False).pvalue)) if p <= 1 / _MANY else p


def _p_of_draws(table: npt.NDArray[np.int64], draws: int) -> float:
    drawn = stats.MonteCarloMethod(n_resamples=draws, rng=np.random.default_rng(_SEED))
    return float(stats.chi2_contingency(table, correction=False, method=drawn).pvalue)


def _p_of_means(groups: list[npt.NDArray[np.float64]]) -> float:
    """One-way analysis of variance, by ranks: a few huge errors decide nothing."""
    if np.ptp(np.concatenate(groups)) == 0:
        return 1.0
    return float(stats.kruskal(*groups).pvalue)
