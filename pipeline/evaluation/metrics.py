"""How good scores were, as named numbers: scikit-learn's figures, and rates with their intervals.

Works on arrays alone; where they come from is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn import metrics

from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Task

# A rate is given with the bounds between which it lies with this probability.
CONFIDENCE = 0.95

BINS = 10
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# name -> (how many of, how many)
Rates = dict[str, tuple[int, int]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelledScores:
    """Scored entities whose outcome is there, one row each.

    Attributes:
        task: what the model predicts.
        class_names: the classes' labels; empty for a regression.
        outcome: the class's index, or the value.
        score: probability of the second class (binary), of the label (multiclass), or the value.
        label: index of the predicted class; None for a regression.
        class_scores: multiclass only: a probability for every class, of shape (rows, classes).
    """

    task: Task
    class_names: Sequence[str]
    outcome: Floats
    score: Floats
    label: npt.NDArray[np.int64] | None
    class_scores: Floats | None

    def __len__(self) -> int:
        """How many entities."""
        return len(self.outcome)

    def where(self, chosen: Mask | npt.NDArray[np.int64]) -> Self:
        """Some of the entities, by a mask or by their places."""
        label = None if self.label is None else self.label[chosen]
        class_scores = None if self.class_scores is None else self.class_scores[chosen]
        return type(self)(
            self.task, self.class_names, self.outcome[chosen], self.score[chosen], label, class_scores
        )

    @property
    def errors(self) -> Floats:
        """Regression only: how far each score lies above the outcome."""
        return self.score - self.outcome


def rates(labelled: LabelledScores) -> Rates:
    """Counts that add up over groups and score dates, as rates; none for a regression."""
    if labelled.label is None:
        return {}
    hit = labelled.label == labelled.outcome
    if labelled.task == "binary":
        called, positive = labelled.label == 1, labelled.outcome == 1
        return {
            "accuracy": _share(hit, np.ones_like(hit)),
            "base_rate": _share(positive, np.ones_like(hit)),
            "selection_rate": _share(called, np.ones_like(hit)),
            "recall": _share(called, positive),
            "precision": _share(positive, called),
            "false_positive_rate": _share(called, ~positive),
        }
    shares = {"accuracy": _share(hit, np.ones_like(hit))}
    for number, name in enumerate(labelled.class_names):
        called, positive = labelled.label == number, labelled.outcome == number
        shares |= {
            f"base_rate:{name}": _share(positive, np.ones_like(hit)),
            f"selection_rate:{name}": _share(called, np.ones_like(hit)),
            f"recall:{name}": _share(called, positive),
            f"precision:{name}": _share(positive, called),
        }
    return shares


def intervals(counts: Rates) -> dict[str, float]:
    """Each rate with Wilson's interval, which holds for few rows and for rates near 0 and 1 too."""
    bounded: dict[str, float] = {}
    for name, (hits, rows) in counts.items():
        if rows:
            rate, colon, group = name.partition(":")
            bounds = stats.binomtest(hits, rows).proportion_ci(CONFIDENCE, method="wilson")
            bounded |= {
                name: hits / rows,
                f"{rate}_low{colon}{group}": float(bounds.low),
                f"{rate}_high{colon}{group}": float(bounds.high),
            }
    return bounded


def figures(labelled: LabelledScores) -> dict[str, float]:
    """Every figure that there is of these rows; one that is not defined for them is left out."""
    if not len(labelled):
        return {}
    values = {"mean_score": float(labelled.score.mean())} if labelled.task != "multiclass" else {}
    if labelled.task == "binary":
        values |= _calibration(labelled)
    if labelled.task == "regression":
        quantiles = zip(_QUANTILES, np.quantile(labelled.errors, _QUANTILES), strict=True)
        values |= {f"error_quantile:{share}": float(error) for share, error in quantiles}
    return {**losses(labelled), **counted(labelled), **values}


def counted(labelled: LabelledScores) -> dict[str, float]:
    """What adds up over groups and score dates, however small the group: counts with their rates, or mean errors."""
    if not len(labelled):
        return {}
    if labelled.task == "regression":
        return {
            **losses(labelled),
            "bias": float(labelled.errors.mean()),
            "mean_outcome": float(labelled.outcome.mean()),
        }
    table = metrics.confusion_matrix(
        labelled.outcome, labelled.label, labels=np.arange(len(labelled.class_names))
    )
    if labelled.task == "binary":
        names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
        counts = dict(zip(names, map(float, table.ravel()), strict=True))
    else:
        columns = {"actual": table.sum(axis=1), "predicted": table.sum(axis=0), "hits": table.diagonal()}
        counts = {
            f"{what}:{name}": float(count)
            for what, column in columns.items()
            for name, count in zip(labelled.class_names, column, strict=True)
        }
    return counts | intervals(rates(labelled))


def losses(labelled: LabelledScores) -> dict[str, float]:
    """The figures by which a model and its baselines are compared."""
    outcome, score = labelled.outcome, labelled.score
    if labelled.task == "regression":
        return {
            "mae": float(metrics.mean_absolute_error(outcome, score)),
            "rmse": float(metrics.root_mean_squared_error(outcome, score)),
        }
    classes = np.arange(len(labelled.class_names))
    values = {
        "log_loss": float(
            metrics.log_loss(
                outcome, score if labelled.class_scores is None else labelled.class_scores, labels=classes
            )
        )
    }
    if labelled.task == "binary":
        values["brier"] = float(metrics.brier_score_loss(outcome, score))
        if 0 < outcome.mean() < 1 and np.ptp(score):  # a constant ranks nothing
            values["roc_auc"] = float(metrics.roc_auc_score(outcome, score))
            values["average_precision"] = float(metrics.average_precision_score(outcome, score))
    return values


def _share(of: Mask, among: Mask) -> tuple[int, int]:
    return int((of & among).sum()), int(among.sum())


def _calibration(labelled: LabelledScores) -> dict[str, float]:
    """Bins of equal width, the same for every score date, so that their counts add up."""
    number = np.minimum((labelled.score * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(number, minlength=BINS)
    scores, outcomes = (np.bincount(number, values, BINS) for values in (labelled.score, labelled.outcome))
    values: dict[str, float] = {"calibration_error": float(np.abs(scores - outcomes).sum() / len(labelled))}
    for place in np.flatnonzero(rows):
        between = f"{place / BINS:.1f}-{(place + 1) / BINS:.1f}"
        values[f"calibration_rows:{between}"] = float(rows[place])
        values[f"calibration_score:{between}"] = float(scores[place] / rows[place])
        values[f"calibration_rate:{between}"] = float(outcomes[place] / rows[place])
    return values
