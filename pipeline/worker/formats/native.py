"""What a model of a library's own file needs to be asked as scikit-learn's estimators are.

Such files hold numbers and names, and no code. Nothing here needs more than the model's library, NumPy and pandas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Format = Literal["joblib", "skops", "lightgbm", "xgboost", "catboost", "onnx"]
Values = npt.NDArray[Any]


class FormatError(Exception):
    """A file that is none of its format, or whose model no run can use; the text says what to do."""


@dataclass(frozen=True)
class Settings:
    """What has to be known of an artefact to open it.

    Attributes:
        format: what wrote it.
        classes: labels of its classes, in the order of its probabilities, where the file does not have them.
        trusted: skops only: types that a reviewer trusts, beside those that skops trusts.
    """

    format: Format = "joblib"
    classes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


class Native:
    """A model with a scikit-learn estimator's methods.

    Attributes:
        classes_: labels of the classes in the order of the probabilities; empty for a regression.
        feature_names_in_: the columns that it was trained on; None where the file does not name them.
    """

    # Whether its label is always the class of the largest probability.
    likeliest = True

    def __init__(self, classes: Sequence[str], features: Sequence[str] | None) -> None:
        self.classes_, self.feature_names_in_ = list(classes), features

    def predict_proba(self, frame: pd.DataFrame) -> Values:
        """Probabilities of the classes, shape (rows, classes)."""
        values = self._values(frame)
        return np.column_stack([1 - values, values]) if values.ndim == 1 else values

    def predict(self, frame: pd.DataFrame) -> Values:
        """Labels of the likeliest classes; of a regression the values."""
        if not self.classes_:
            return self._values(frame)
        labels: Values = np.asarray(self.classes_, object)[self.predict_proba(frame).argmax(axis=1)]
        return labels

    def _values(self, frame: pd.DataFrame) -> Values:
        """What the library itself predicts; of two classes it may be the second one's probability alone."""
        raise NotImplementedError


def class_names(names: Sequence[str], number: int) -> list[str]:
    """The labels of so many classes: as given, else 0, 1 and so on.

    Raises:
        FormatError: there are more or fewer.
    """
    if names and len(names) != number:
        raise FormatError(
            f"the model has {number} classes, and {len(names)} were named: {', '.join(names)}. Name each with --class, "
            "in the order of the model's probabilities."
        )
    return list(names) or [str(place) for place in range(number)]


def named(features: Sequence[str], placeholder: str) -> list[str] | None:
    """The names of trained columns; None where the library has made them up, as for an array."""
    invented = [placeholder.format(place) for place in range(len(features))]
    return None if list(features) == invented else list(features)


def refused(library: str, objective: str) -> FormatError:
    """The error for a model that gives neither probabilities nor values."""
    return FormatError(
        f"{library}'s objective {objective} gives neither probabilities of classes that sum to 1 nor plain values. "
        "Train with another, or register the estimator by joblib."
    )
