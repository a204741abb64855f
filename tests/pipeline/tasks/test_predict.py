"""pipeline/tasks/predict.py: every row gets the score that the model gives it, or the run says which rows did not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion, Task
from pipeline.model.scoring import PredictError
from pipeline.runtime.clock import Clock
from pipeline.tasks.load_model import load_model
from pipeline.tasks.predict import score_part
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.shop import Shop, open_shop


class Spoilt(RegressorMixin, BaseEstimator):
    """A regressor that gives rows of a high amount whatever it was told to."""

    def __init__(self, worst: Any) -> None:
        self.worst = worst

    def predict(self, frame: pd.DataFrame) -> Any:
        """Scores, some of them spoilt."""
        if isinstance(self.worst, Exception):
            raise self.worst
        return np.where(frame["visits"] == 19, self.worst, 0.0)


class Poisoned(RegressorMixin, BaseEstimator):
    """A regressor that raises on so many customers of 19 visits, or more."""

    def __init__(self, few: int) -> None:
        self.few = few

    def predict(self, frame: pd.DataFrame) -> Any:
        """Scores, unless there is poison."""
        if (frame["visits"] == 19).sum() >= self.few:
            raise ValueError("poison")
        return np.zeros(len(frame))


class Overconfident(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are none."""

    classes_ = np.array([0, 1])

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities that add up and are none."""
        return np.tile([-0.5, 1.5], (len(frame), 1))


def pinned(shop: Shop) -> PinnedVersion:
    """The version that scores in the shop."""
    return registry.resolve(shop.home.path, "shop", "champion")


def spoilt(shop: Shop, estimator: Any, task: Task = "regression") -> Model:
    """The shop's manifest with another estimator, as if it had been registered so."""
    manifest = pinned(shop).manifest
    return Model(manifest.model_copy(update={"task": task}), estimator)


@pytest.mark.parametrize("worst", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_fails_naming_the_rows(shop: Shop, worst: float) -> None:
    shop.change("visits = 3")
    shop.change("visits = 19", "entity_id IN ('customer-00003', 'customer-00008')")
    run = shop.extract()
    work = load_model(shop.home.workspace, shop.home.read(shop.job), run)[0]
    with pytest.raises(PredictError, match=r"2 rows got no usable score.*customer-00003, customer-00008\.$"):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Spoilt(worst)), Clock())


def test_probabilities_beyond_one_fail_naming_the_rows(shop: Shop) -> None:
    work = load_model(shop.home.workspace, shop.home.read(shop.job), shop.extract())[0]
    with pytest.raises(PredictError, match=r"40 rows got no usable score.*customer-00000, customer-00001"):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Overconfident(), "binary"), Clock())


def test_a_model_that_raises_fails_naming_the_rows(shop: Shop) -> None:
    work = load_model(shop.home.workspace, shop.home.read(shop.job), shop.extract())[1]
    first = ", ".join(f"customer-0004{number}" for number in range(5))
    with pytest.raises(PredictError, match=f"failed on rows {first} and more: KeyError: 'gone'"):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Spoilt(KeyError("gone"))), Clock())


@pytest.mark.parametrize(
    ("poisoned", "named"),
    [
        (["customer-00040"], "rows customer-00040"),
        (["customer-00079"], "rows customer-00079"),
        (
            ["customer-00041", "customer-00057", "customer-00058"],
            "rows customer-00041, customer-00057, customer-00058",
        ),
    ],
)
def test_a_row_that_makes_the_model_raise_is_named_alone(shop: Shop, poisoned: list[str], named: str) -> None:
    shop.change("visits = 3")
    shop.change("visits = 19", "entity_id IN ('" + "', '".join(poisoned) + "')")
    work = load_model(shop.home.workspace, shop.home.read(shop.job), shop.extract())[1]
    with pytest.raises(
        PredictError, match=f"failed on {named}: ValueError: poison. .*leave them out in the query"
    ):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Poisoned(1)), Clock())


def test_rows_that_only_fail_together_are_named_from_first_to_last(shop: Shop) -> None:
    shop.change("visits = 19")
    work = load_model(shop.home.workspace, shop.home.read(shop.job), shop.extract())[1]
    with pytest.raises(
        PredictError, match="failed on rows customer-00040 to customer-00079 taken together: Value"
    ):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Poisoned(40)), Clock())


def test_scores_of_another_shape_are_refused(shop: Shop) -> None:
    class Narrow(Overconfident):
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            return np.ones((len(frame), 1))

    work = load_model(shop.home.workspace, shop.home.read(shop.job), shop.extract())[0]
    with pytest.raises(ModelError, match=r"scores of shape \(40, 1\), expected \(40, 2\)"):
        score_part(shop.home.workspace, work, pinned(shop), spoilt(shop, Narrow(), "binary"), Clock())


def test_binary_shows_the_positive_classs_probability_and_the_label(home: Home) -> None:
    estimator, reference = shop_model()
    home.model("shop", estimator, reference, outcome="bought", threshold=0.7)
    shop = open_shop(home)
    home.score(shop.job)
    expected = estimator.predict_proba(shop_rows()[list(estimator.feature_names_in_)])[:, 1]
    seen = shop.predictions()
    assert seen["score"].tolist() == expected.tolist()
    assert seen["label"].tolist() == ["true" if score >= 0.7 else "false" for score in expected]
    assert set(seen["label"]) == {"true", "false"}
    assert seen["class_scores"].isna().all()


def test_multiclass_shows_every_classs_probability_in_the_manifests_order(home: Home) -> None:
    wine = load_wine(as_frame=True)
    rows = wine.data.rename(columns={"od280/od315_of_diluted_wines": "od280"})
    cultivar = wine.target.map({0: "nebbiolo", 1: "barbera", 2: "grignolino"})
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, cultivar)
    pinned = home.model("wine", estimator, rows.assign(cultivar=cultivar), outcome="cultivar")
    table = home.table(rows.assign(entity_id=[f"{number:03d}" for number in range(len(rows))]))
    job = home.job(f"SELECT * FROM {table}", "wine")
    home.score(job)
    seen, expected = home.predictions(job), estimator.predict_proba(rows)
    assert pinned.manifest.classes == ("barbera", "grignolino", "nebbiolo")
    assert seen["class_scores"].tolist() == expected.tolist()
    assert seen["label"].tolist() == estimator.predict(rows).tolist()
    assert seen["score"].tolist() == expected.max(axis=1).tolist()


def test_regression_shows_the_value_alone(home: Home) -> None:
    diabetes = load_diabetes(as_frame=True)
    estimator = LinearRegression().fit(diabetes.data, diabetes.target)
    home.model("diabetes", estimator, diabetes.data)
    entities = [f"{number:03d}" for number in range(len(diabetes.data))]
    job = home.job(f"SELECT * FROM {home.table(diabetes.data.assign(entity_id=entities))}", "diabetes")
    home.score(job)
    seen = home.predictions(job)
    # A matrix product's last bits depend on how many rows it has.
    np.testing.assert_allclose(seen["score"], estimator.predict(diabetes.data), rtol=1e-12)
    assert seen["label"].isna().all()
    assert seen["class_scores"].isna().all()


def test_a_regressions_scores_may_be_of_any_size(home: Home) -> None:
    estimator, reference = shop_model()
    features = reference[list(estimator.feature_names_in_)]
    home.model(
        "shop",
        DummyRegressor(strategy="constant", constant=-1e300).fit(features, features["visits"]),
        features,
    )
    shop = open_shop(home, gate='constant_score = "warn"')
    home.score(shop.job)
    assert set(shop.predictions()["score"]) == {-1e300}


def test_a_prediction_names_its_model_its_run_and_its_time(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    [run] = shop.runs()
    seen = shop.predictions().iloc[0]
    assert (seen["model_name"], seen["model_version"], seen["run_id"]) == ("shop", 1, done.run_id)
    assert run["started_at"] <= seen["scored_at"] <= run["published_at"]
