"""The task, the classes and the features are read off the estimator, or it is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from pipeline.model.artifact import ModelError
from tests.home import Home, shop_model
from tests.pipeline.registration.refusing import refused


def test_a_binary_classifier(home: Home) -> None:
    pinned = home.model("shop", *shop_model(), outcome="bought")
    manifest = pinned.manifest
    assert (manifest.task, manifest.classes, manifest.threshold) == ("binary", ("false", "true"), None)
    assert [column.name for column in manifest.columns] == ["amount", "visits", "channel", "member"]
    assert (manifest.version, manifest.outcome, manifest.reference_rows) == (1, "bought", 400)


def test_a_multiclass_classifier(home: Home) -> None:
    rows, classes = load_iris(as_frame=True, return_X_y=True)
    names = classes.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    fitted = RandomForestClassifier(5, random_state=0).fit(rows, names)
    manifest = home.model("iris", fitted, rows).manifest
    assert (manifest.task, manifest.threshold) == ("multiclass", None)
    assert manifest.classes == ("setosa", "versicolor", "virginica")
    golden = pd.DataFrame(list(manifest.golden_rows))
    assert manifest.golden_scores == tuple(map(tuple, fitted.predict_proba(golden).tolist()))


def test_a_regressor(home: Home) -> None:
    rows = pd.DataFrame({"x": np.arange(20.0)})
    fitted = RandomForestRegressor(5, random_state=0).fit(rows, rows["x"])
    manifest = home.model("line", fitted, rows).manifest
    assert (manifest.task, manifest.classes, manifest.threshold) == ("regression", (), None)
    assert [row["x"] for row in manifest.golden_rows] == [0, 2, 5, 8, 10, 13, 16, 19]
    assert manifest.golden_scores == tuple(fitted.predict(pd.DataFrame(list(manifest.golden_rows))).tolist())


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_columns_named_by_numbers_are_features(home: Home) -> None:
    rows = pd.DataFrame(np.arange(40.0).reshape(20, 2))
    pinned = home.model("numbers", LogisticRegression().fit(rows.to_numpy(), [0, 1] * 10), rows)
    assert [column.name for column in pinned.manifest.columns] == ["0", "1"]


def test_a_model_without_names_takes_every_column_or_none_can_be_told(home: Home) -> None:
    estimator, rows = LogisticRegression(), pd.DataFrame(np.arange(40.0).reshape(20, 2), columns=["a", "b"])
    estimator.fit(rows[["a"]].to_numpy(), [0, 1] * 10)
    complaint = (
        "trained on 1 columns without names, and the rows have 2 that may be meant: a, b. Train it on a DataF"
    )
    refused(home, estimator, rows, ModelError, complaint)


class Constant:
    """A model that is none."""


def test_what_is_no_model_is_refused(home: Home) -> None:
    refused(home, Constant(), shop_model()[1], ModelError, "Constant is neither a classifier nor a regressor")


@pytest.mark.parametrize(
    ("estimator", "complaint"),
    [
        (LogisticRegression(), "LogisticRegression is not trained. Fit it first"),
        (LogisticRegression, "LogisticRegression is a class, and no trained estimator. Fit one"),
        (make_pipeline(LogisticRegression()), "Pipeline is not trained. Fit it first"),
        (RandomForestRegressor(), "the model cannot score rows of the reference: NotFittedError"),
        (KMeans(2), "KMeans is neither a classifier nor a regressor"),
        ({"weights": [1, 2]}, "dict is neither a classifier nor a regressor"),
    ],
)
def test_what_was_never_trained_is_refused(home: Home, estimator: Any, complaint: str) -> None:
    refused(home, estimator, pd.DataFrame({"x": np.arange(20.0)}), ModelError, complaint)


def test_a_classifier_of_one_class_is_refused(home: Home) -> None:
    rows = pd.DataFrame({"x": np.arange(20.0)})
    fitted = RandomForestClassifier(3).fit(rows, ["late"] * 20)
    refused(home, fitted, rows, ModelError, "trained on a single class, 'late', .* at least two classes")


@pytest.mark.parametrize("outcomes", [[[0, 1], [1, 0]], [[0, 1], [1, 2]]])
def test_a_model_of_several_outcomes_is_refused(home: Home, outcomes: list[list[int]]) -> None:
    rows = pd.DataFrame({"x": np.arange(20.0)})
    fitted = RandomForestClassifier(3).fit(rows, outcomes * 10)
    refused(home, fitted, rows, ModelError, "the model has 2 outcomes. Train one model for each")


def test_a_classifier_without_probabilities_is_refused(home: Home) -> None:
    rows = pd.DataFrame({"x": np.arange(20.0)})
    complaint = "LinearSVC gives no probabilities. Wrap it in CalibratedClassifierCV"
    refused(home, LinearSVC().fit(rows, rows["x"] > 9), rows, ModelError, complaint)


@pytest.mark.parametrize("name", ["entity_id", "score_date", "bought"])
def test_a_model_that_was_trained_on_what_it_should_predict_is_refused(home: Home, name: str) -> None:
    rows = pd.DataFrame({"x": np.arange(20.0), "bought": [0, 1] * 10})
    rows = rows.assign(score_date=rows["x"], entity_id=rows["x"])
    fitted = LogisticRegression().fit(rows[["x", name]], rows["bought"])
    refused(home, fitted, rows, ModelError, f"trained on '{name}', which is no feature", outcome="bought")


def test_an_outcome_that_is_not_there_is_refused(home: Home) -> None:
    refused(home, *shop_model(), ModelError, "no outcome column 'sold'", outcome="sold")
