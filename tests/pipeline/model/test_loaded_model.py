"""Every row gets one finite score, or the model is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model, ScoreError
from pipeline.model.manifest import PinnedVersion
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.model.spoiling import load


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier that gives what it is told."""

    def __init__(self, given: Any = None) -> None:
        self.given = given
        self.classes_ = np.array([False, True])

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """What it was told, whatever the frame."""
        return np.asarray(self.given(len(frame)))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (lambda rows: np.full((rows, 2), np.nan), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), np.inf), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), -0.5), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), 1.5), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 3), 0.3), r"scores of shape \(100, 3\), expected \(100, 2\)"),
        (lambda rows: np.full((rows - 1, 2), 0.5), r"scores of shape \(99, 2\), expected \(100, 2\)"),
        (lambda rows: np.full(rows, 0.5), r"scores of shape \(100,\), expected \(100, 2\)"),
    ],
)
def test_scores_that_are_none_are_refused(
    pinned: PinnedVersion, given: Callable[[int], Any], complaint: str
) -> None:
    odd = Model(pinned.manifest, Odd(given))
    with pytest.raises(ModelError, match=complaint):
        odd.score(shop_rows(100))


class Line(RegressorMixin, BaseEstimator):
    """A regressor that gives what it is told."""

    def __init__(self, given: Any = None) -> None:
        self.given = given

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """What it was told, whatever the frame."""
        return np.asarray(self.given(len(frame)))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (lambda rows: np.full(rows, np.nan), "5 rows got no usable score, for example .nan"),
        (lambda rows: np.full(rows, -np.inf), "5 rows got no usable score"),
        (lambda rows: np.full((rows, 2), 0.5), r"scores of shape \(5, 2\), expected \(5,\)"),
        (lambda rows: np.full(rows + 1, 0.5), r"scores of shape \(6,\), expected \(5,\)"),
    ],
)
def test_values_that_are_none_are_refused(
    pinned: PinnedVersion, given: Callable[[int], Any], complaint: str
) -> None:
    regression = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    with pytest.raises(ModelError, match=complaint):
        Model(regression, Line(given)).score(shop_rows(5))


def test_a_regression_gives_its_values_as_they_are(pinned: PinnedVersion) -> None:
    regression = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    scores = Model(regression, Line(lambda _: [-3, 0.1, 1e300])).score(shop_rows(3))
    assert scores.score.tolist() == [-3.0, 0.1, 1e300]
    assert (scores.label, scores.classes) == (None, None)


def test_several_classes_give_the_likeliest_with_its_probability(pinned: PinnedVersion) -> None:
    three = pinned.manifest.model_copy(update={"task": "multiclass", "classes": ("a", "b", "c")})
    given = [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.0, 1.0, 0.0]]
    scores = Model(three, Odd(lambda _: given)).score(shop_rows(3))
    assert scores.score.tolist() == [0.7, 0.5, 1.0]
    assert scores.label is not None
    assert scores.label.tolist() == [2, 0, 1]
    assert scores.classes is not None
    assert scores.classes.tolist() == given


def test_the_rows_without_a_score_are_named(pinned: PinnedVersion) -> None:
    def given(rows: int) -> npt.NDArray[np.float64]:
        scores = np.full((rows, 2), 0.5)
        scores[[3, 70]] = np.nan
        return scores

    with pytest.raises(ScoreError, match="2 rows got no usable score") as error:
        Model(pinned.manifest, Odd(given)).score(shop_rows(100))
    assert error.value.rows.tolist() == [3, 70]


@pytest.mark.parametrize("threshold", [0.0, 0.9, 1.0])
def test_the_threshold_decides_the_label(home: Home, threshold: float) -> None:
    estimator, reference = shop_model()
    home.model("shop", estimator, reference, threshold=threshold)
    scores = load(home).score(reference.drop(columns="bought"))
    assert scores.label is not None
    np.testing.assert_array_equal(scores.label, (scores.score >= threshold).astype(int))
