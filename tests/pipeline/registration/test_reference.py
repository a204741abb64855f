"""The reference gives the golden rows and the training window."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from tests.home import Home, shop_model
from tests.pipeline.registration.refusing import refused


def test_golden_rows_are_spread_over_the_reference_and_hold_its_nulls(home: Home) -> None:
    estimator, reference = shop_model()
    manifest = home.model("shop", estimator, reference.assign(amount=np.nan)).manifest
    assert [row["amount"] for row in manifest.golden_rows] == [None] * 8
    assert [row["visits"] for row in manifest.golden_rows][:: len(manifest.golden_rows) - 1] == [
        reference["visits"].iloc[0],
        reference["visits"].iloc[-1],
    ]
    registry.load(registry.resolve(home.path, "shop", "champion"))


def test_an_infinity_of_the_reference_is_null_as_in_a_run_and_the_version_opens(home: Home) -> None:
    rows = pd.DataFrame({"x": [1.0, np.inf, -np.inf, 2.0] * 5})
    far = make_pipeline(FunctionTransformer(np.isinf), LinearRegression()).fit(rows, rows["x"] > 0)
    manifest = home.model("far", far, rows).manifest
    assert {row["x"] for row in [*manifest.golden_rows, *manifest.background]} == {1.0, 2.0, None}
    registry.load(registry.resolve(home.path, "far", "champion"))


def test_timestamps_live_through_the_golden_rows(home: Home) -> None:
    rows = pd.DataFrame(
        {"at": pd.date_range("2024-01-01", periods=20, freq="h", tz="UTC").as_unit("us"), "x": range(20)}
    )
    hour = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["at"]), remainder="passthrough")
    home.model("clock", make_pipeline(hour, LogisticRegression()).fit(rows, rows["x"] > 9), rows)
    assert (
        registry.load(registry.resolve(home.path, "clock", "champion")).manifest.columns[0].kind == "instant"
    )


def test_the_training_window_is_read_off_the_score_dates(home: Home) -> None:
    estimator, reference = shop_model()
    days = pd.date_range("2024-01-05", periods=4).repeat(100)
    manifest = home.model("shop", estimator, reference.assign(score_date=days, entity_id="e")).manifest
    assert (str(manifest.training_start), str(manifest.training_end)) == ("2024-01-05", "2024-01-08")
    assert not {"score_date", "entity_id", "bought"} & {column.name for column in manifest.columns}


def test_a_reference_without_rows_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    refused(
        home,
        estimator,
        reference.head(0),
        ModelError,
        "no rows. Take a sample of the training rows",
    )


def test_a_reference_of_other_types_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    complaint = "the model cannot score rows of the reference"
    refused(home, estimator, reference.astype({"visits": str}).assign(visits="many"), ModelError, complaint)


def test_outcomes_that_the_model_cannot_mean_are_refused(home: Home) -> None:
    estimator, reference = shop_model()
    words = reference["bought"].map({False: "no", True: "yes"})
    complaint = (
        r"the outcome 'bought' has '(no|yes)', '(no|yes)', which the model cannot mean: its classes are false"
    )
    refused(home, estimator, reference.assign(bought=words), ModelError, complaint, outcome="bought")
    numbers = make_pipeline(LinearRegression()).fit(reference[["visits"]], reference["visits"] / 3)
    complaint = "has 'no', 'yes', which the model cannot mean: it predicts numbers"
    refused(
        home,
        numbers,
        reference[["visits"]].assign(bought=sorted(words)),
        ModelError,
        complaint,
        outcome="bought",
    )
