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
class Judged:
    """Scored entities whose result is known, one row each.

    Attributes:
        task: what the model predicts.
        names: the classes' labels; empty for a regression.
        actual: the class's index, or the value.
        score: probability of the second class (binary), of the label (multiclass), or the value.
        label: index of the predicted class; None for a regression.
        classes: multiclass only: a probability for every class, of shape (rows, classes).
    """

    task: Task
    names: Sequence[str]
    actual: Floats
    score: Floats
    label: npt.NDArray[np.int64] | None
    classes: Floats | None

    def __len__(self) -> int:
        """How many entities."""
        return len(self.actual)

    def where(self, chosen: Mask) -> Self:
        """Some of the entities."""
        label = None if self.label is None else self.label[chosen]
        classes = None if self.classes is None else self.classes[chosen]
        return type(self)(self.task, self.names, self.actual[chosen], self.score[chosen], label, classes)

    @property
    def errors(self) -> Floats:
        """Regression only: how far each score lies above the result."""
        return self.score - self.actual


def rates(judged: Judged) -> Rates:
    """Counts that add up over groups and nights, as rates; none for a regression."""
    if judged.label is None:
        return {}
    hit = judged.label == judged.actual
    if judged.task == "binary":
        called, positive = judged.label == 1, judged.actual == 1
        return {
            "accuracy": _share(hit, np.ones_like(hit)),
            "base_rate": _share(positive, np.ones_like(hit)),
            "selection_rate": _share(called, np.ones_like(hit)),
            "recall": _share(called, positive),
            "precision": _share(positive, called),
            "false_positive_rate": _share(called, ~positive),
        }
    found = {"accuracy": _share(hit, np.ones_like(hit))}
    for number, name in enumerate(judged.names):
        called, positive = judged.label == number, judged.actual == number
        found |= {
            f"base_rate:{name}": _share(positive, np.ones_like(hit)),
            f"selection_rate:{name}": _share(called, np.ones_like(hit)),
            f"recall:{name}": _share(called, positive),
            f"precision:{name}": _share(positive, called),
        }
    return found


def intervals(found: Rates) -> dict[str, float]:
    """Each rate with Wilson's interval, which holds for few rows and for rates near 0 and 1 too."""
    told: dict[str, float] = {}
    for name, (hits, rows) in found.items():
        if rows:
            what, colon, group = name.partition(":")
            bounds = stats.binomtest(hits, rows).proportion_ci(CONFIDENCE, method="wilson")
            told |= {
                name: hits / rows,
                f"{what}_low{colon}{group}": float(bounds.low),
                f"{what}_high{colon}{group}": float(bounds.high),
            }
    return told


def figures(judged: Judged) -> dict[str, float]:
    """Every figure that there is of these rows; one that is not defined for them is left out."""
    if not len(judged):
        return {}
    found = {"mean_score": float(judged.score.mean())} if judged.task != "multiclass" else {}
    if judged.task == "binary":
        found |= _calibration(judged)
    if judged.task == "regression":
        quantiles = zip(_QUANTILES, np.quantile(judged.errors, _QUANTILES), strict=True)
        found |= {f"error_quantile:{share}": float(error) for share, error in quantiles}
    return {**losses(judged), **counted(judged), **found}


def counted(judged: Judged) -> dict[str, float]:
    """What adds up over groups and nights, however small the group: counts with their rates, or mean errors."""
    if not len(judged):
        return {}
    if judged.task == "regression":
        return {
            **losses(judged),
            "bias": float(judged.errors.mean()),
            "mean_outcome": float(judged.actual.mean()),
        }
    table = metrics.confusion_matrix(judged.actual, judged.label, labels=np.arange(len(judged.names)))
    if judged.task == "binary":
        names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
        counts = dict(zip(names, map(float, table.ravel()), strict=True))
    else:
        columns = {"actual": table.sum(axis=1), "predicted": table.sum(axis=0), "hits": table.diagonal()}
        counts = {
            f"{what}:{name}": float(count)
            for what, column in columns.items()
            for name, count in zip(judged.names, column, strict=True)
        }
    return counts | intervals(rates(judged))


def losses(judged: Judged) -> dict[str, float]:
    """The figures by which a model and its baselines are compared."""
    actual, score = judged.actual, judged.score
    if judged.task == "regression":
        return {
            "mae": float(metrics.mean_absolute_error(actual, score)),
            "rmse": float(metrics.root_mean_squared_error(actual, score)),
        }
    known = np.arange(len(judged.names))
    found = {
        "log_loss": float(
            metrics.log_loss(actual, score if judged.classes is None else judged.classes, labels=known)
        )
    }
    if judged.task == "binary":
        found["brier"] = float(metrics.brier_score_loss(actual, score))
        if 0 < actual.mean() < 1 and np.ptp(score):  # a constant ranks nothing
            found["roc_auc"] = float(metrics.roc_auc_score(actual, score))
            found["average_precision"] = float(metrics.average_precision_score(actual, score))
    return found


def _share(of: Mask, among: Mask) -> tuple[int, int]:
    return int((of & among).sum()), int(among.sum())


def _calibration(judged: Judged) -> dict[str, float]:
    """Bins of equal width, the same on every night, so that their counts add up."""
    number = np.minimum((judged.score * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(number, minlength=BINS)
    scores, late = (np.bincount(number, values, BINS) for values in (judged.score, judged.actual))
    found: dict[str, float] = {"calibration_error": float(np.abs(scores - late).sum() / len(judged))}
    for one in np.flatnonzero(rows):
        between = f"{one / BINS:.1f}-{(one + 1) / BINS:.1f}"
        found[f"calibration_rows:{between}"] = float(rows[one])
        found[f"calibration_score:{between}"] = float(scores[one] / rows[one])
        found[f"calibration_rate:{between}"] = float(late[one] / rows[one])
    return found
