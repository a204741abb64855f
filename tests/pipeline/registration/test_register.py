"""Registering takes in anybody's scikit-learn model, with all that a night needs to know of it."""

import math
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pipeline.contract.contract import ContractError
from pipeline.errors import UsageError
from pipeline.model.artifact import ModelError
from pipeline.registration.register import Registration, register
from tests.home import Home, shop_model
from tests.pipeline.registration.refusing import refused


def test_the_contract_is_kept_with_the_model(home: Home) -> None:
    estimator, reference = shop_model()
    kept = home.model("shop", estimator, reference).manifest.contract
    columns = {column.name: column for column in kept.columns}
    assert [column.dtype for column in kept.columns] == ["float64", "int64", "str", "bool"]
    assert columns["channel"].categories == ("phone", "shop", "web")
    assert columns["amount"].nullable
    assert (columns["visits"].minimum, columns["visits"].maximum) == (0, 19)


def test_it_finds_out_which_columns_may_hold_an_unknown_category(home: Home) -> None:
    rows = pd.DataFrame({"strict": ["a", "b"] * 10, "open": ["a", "b"] * 10})
    columns = make_column_transformer(
        (OneHotEncoder(), ["strict"]), (OneHotEncoder(handle_unknown="ignore"), ["open"])
    )
    fitted = make_pipeline(columns, LogisticRegression()).fit(rows, [0, 1] * 10)
    fields = {
        column.name: column.accepts_unknown for column in home.model("m", fitted, rows).manifest.columns
    }
    assert fields == {"strict": False, "open": True}


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier that gives the same probabilities whatever it is shown."""

    def __init__(self, given: Any = None) -> None:
        self.given = given
        self.classes_ = np.array([False, True])

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """As many rows of what it was told as the frame has."""
        return np.array([self.given] * len(frame))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([math.nan, math.nan], "model refused version 0: 8 rows got no usable score, for example .*nan"),
        ([-0.5, 1.5], "8 rows got no usable score, for example .*1.5"),
        ([0.2, 0.3, 0.5], r"scores of shape \(8, 3\), expected \(8, 2\)"),
        (0.5, r"scores of shape \(8,\), expected \(8, 2\)"),
        (
            "high",
            "the model cannot score rows of the reference: ValueError: could not convert string to float",
        ),
    ],
)
def test_a_model_without_usable_scores_is_refused(home: Home, given: Any, complaint: str) -> None:
    refused(home, Odd(given), pd.DataFrame({"x": np.arange(20.0)}), ModelError, complaint)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_that_is_no_probability_is_refused(home: Home, threshold: float) -> None:
    complaint = f"threshold {threshold}: a probability is from 0 to 1"
    refused(home, *shop_model(), UsageError, complaint, threshold=threshold)


def test_a_reference_without_a_feature_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    refused(
        home,
        estimator,
        reference.drop(columns="visits"),
        ContractError,
        "the reference has no column 'visits'",
    )


@pytest.mark.parametrize("alias", ["Champion", "the best", "", "a]\n[versions"])
def test_an_alias_that_is_no_word_is_refused(home: Home, alias: str) -> None:
    complaint = "use a lower-case word of letters, digits and _"
    refused(home, *shop_model(), UsageError, complaint, alias=alias)


@pytest.mark.parametrize("name", ["../outside", "Shop", "", "a b"])
def test_a_name_that_is_no_word_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="use a lower-case word of letters, digits and _"):
        register(home.path, Registration(name, tmp_path / "m", tmp_path / "r"))


def test_slices_need_the_training_days(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--slice: drift is held against training days"):
        Registration("shop", tmp_path / "m", tmp_path / "r", slices=("channel",))


def test_files_that_are_none_are_refused(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model.joblib cannot be read: No such file"):
        register(home.path, Registration("shop", tmp_path / "model.joblib", tmp_path / "r.parquet"))
    (tmp_path / "model.joblib").write_bytes(b"not a model")
    shop_model()[1].to_parquet(tmp_path / "r.parquet")
    with pytest.raises(ModelError, match="the model cannot be loaded"):
        register(home.path, Registration("shop", tmp_path / "model.joblib", tmp_path / "r.parquet"))
    joblib.dump(shop_model()[0], tmp_path / "model.joblib")
    (tmp_path / "r.parquet").write_bytes(b"not parquet")
    with pytest.raises(UsageError, match="r.parquet is no Parquet file"):
        register(home.path, Registration("shop", tmp_path / "model.joblib", tmp_path / "r.parquet"))
