"""Registering takes in anybody's scikit-learn model, with all that a night needs to know of it."""

import hashlib
import json
import math
import multiprocessing
import re
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from pipeline.contract.contract import ContractError
from pipeline.errors import ScoringError, UsageError
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest
from pipeline.registration.register import Registration, register
from tests.home import Home, shop_model


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


def test_the_contract_is_kept_with_the_model(home: Home) -> None:
    estimator, reference = shop_model()
    kept = home.model("shop", estimator, reference).manifest.contract
    columns = {column.name: column for column in kept.columns}
    assert [column.dtype for column in kept.columns] == ["float64", "int64", "str", "bool"]
    assert columns["channel"].categories == ("phone", "shop", "web")
    assert columns["amount"].nullable
    assert (columns["visits"].minimum, columns["visits"].maximum) == (0, 19)


def test_golden_rows_are_spread_over_the_reference_and_hold_its_nulls(home: Home) -> None:
    estimator, reference = shop_model()
    manifest = home.model("shop", estimator, reference.assign(amount=np.nan)).manifest
    assert [row["amount"] for row in manifest.golden_rows] == [None] * 8
    assert [row["visits"] for row in manifest.golden_rows][:: len(manifest.golden_rows) - 1] == [
        reference["visits"].iloc[0],
        reference["visits"].iloc[-1],
    ]
    registry.load(registry.resolve(home.path, "shop", "champion"))


def test_what_it_keeps_can_be_checked_by_hand(home: Home) -> None:
    folder = home.model("shop", *shop_model(), metrics={"roc_auc": 0.9}).folder
    said = json.loads((folder / "manifest.json").read_text())
    assert said["sha256"] == hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    assert said["reference_sha256"] == hashlib.sha256((folder / "reference.parquet").read_bytes()).hexdigest()
    assert said["libraries"].keys() == {"scikit-learn", "numpy", "pandas", "joblib", "pyarrow"}
    assert said["metrics"] == {"roc_auc": 0.9}
    assert said["sha256"] in (folder.parent / "versions.toml").read_text()
    assert "roc_auc: 0.9" in (folder / "MODEL_CARD.md").read_text()


def test_the_manifest_reads_back_as_it_was_written(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    assert Manifest.model_validate_json((pinned.folder / "manifest.json").read_bytes()) == pinned.manifest


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


def test_versions_count_up_and_never_change(home: Home) -> None:
    estimator, reference = shop_model()
    first = home.model("shop", estimator, reference)
    kept = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    second = home.model("shop", *shop_model(seed=1), alias="challenger")
    assert (first.manifest.version, second.manifest.version) == (1, 2)
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == kept
    assert registry.versions(home.path, "shop")[1] == {"champion": 1, "challenger": 2}


def test_a_version_that_was_never_pinned_is_not_overwritten(home: Home) -> None:
    left = home.path / "models" / "shop" / "1"
    left.mkdir(parents=True)
    (left / "model.joblib").write_text("of a registering that never ended")
    assert home.model("shop", *shop_model()).manifest.version == 2
    assert (left / "model.joblib").read_text() == "of a registering that never ended"


def test_a_model_registered_without_an_alias_is_named_by_none(home: Home) -> None:
    home.model("shop", *shop_model())
    home.model("shop", *shop_model(seed=1), alias=None)
    pins, aliases = registry.versions(home.path, "shop")
    assert (list(pins), aliases) == ([1, 2], {"champion": 1})


def test_promoting_a_model_changes_one_line_and_keeps_what_it_said(home: Home) -> None:
    home.model("shop", *shop_model())
    path = home.path / "models" / "shop" / "versions.toml"
    path.write_text(path.read_text().replace("champion = 1", "# approved by the risk board\nchampion = 1"))
    before = path.read_text().splitlines()
    home.model("shop", *shop_model(seed=1))
    after = path.read_text().splitlines()
    assert [line for line in before if line not in after] == ["champion = 1"]
    assert [line for line in after if line not in before][1:] == [
        "champion = 2",
        "champion_previous = 1",
    ]


VERSIONS = {
    "no blank lines": "[versions]\n[aliases]\n",
    "a comment that names a section": "# jobs name what stands below [aliases]\n[versions]\n\n[aliases]\n",
    "comments after the headers": '[versions] # all\n1 = "a"\n\n[aliases] # of jobs\nchampion = 1 # since May\n',
    "another order": '[aliases]\nchampion = 1\n[versions]\n1 = "a"',
    "other spaces": '[versions]\n1="a"\n[aliases]\n\nchampion\t=  1\n\n\n',
    "nothing": "",
    "windows": '[versions]\r\n1 = "a"\r\n\r\n[aliases]\r\nchampion = 1\r\n',
}


@pytest.mark.parametrize("kind", VERSIONS)
def test_however_the_versions_are_laid_out_a_new_one_is_added_to_them(home: Home, kind: str) -> None:
    path = home.path / "models" / "shop" / "versions.toml"
    path.parent.mkdir()
    path.write_bytes(VERSIONS[kind].encode())
    before, former = registry.versions(home.path, "shop")
    pinned = home.model("shop", *shop_model())
    number = pinned.manifest.version
    kept = {f"{alias}_previous": version for alias, version in former.items()}
    assert registry.versions(home.path, "shop") == (
        {**before, number: pinned.sha256},
        {**kept, "champion": number},
    )
    comments = re.findall("#.*", VERSIONS[kind])
    assert re.findall("#.*", path.read_text()) == comments


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_columns_named_by_numbers_are_features(home: Home) -> None:
    rows = pd.DataFrame(np.arange(40.0).reshape(20, 2))
    pinned = home.model("numbers", LogisticRegression().fit(rows.to_numpy(), [0, 1] * 10), rows)
    assert [column.name for column in pinned.manifest.columns] == ["0", "1"]


def test_it_finds_out_which_columns_may_hold_an_unknown_category(home: Home) -> None:
    rows = pd.DataFrame({"strict": ["a", "b"] * 10, "open": ["a", "b"] * 10})
    columns = make_column_transformer(
        (OneHotEncoder(), ["strict"]), (OneHotEncoder(handle_unknown="ignore"), ["open"])
    )
    fitted = make_pipeline(columns, LogisticRegression()).fit(rows, [0, 1] * 10)
    found = {column.name: column.accepts_unknown for column in home.model("m", fitted, rows).manifest.columns}
    assert found == {"strict": False, "open": True}


class Constant:
    """A model that is none."""


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


def refused(
    home: Home,
    estimator: Any,
    reference: pd.DataFrame,
    error: type[ScoringError],
    complaint: str,
    **options: Any,
) -> None:
    """Registering fails with this message, and leaves nothing behind."""
    with pytest.raises(error, match=complaint):
        home.model("refused", estimator, reference, **options)
    assert not list((home.path / "models").glob("refused/*"))


def register_again(home: Path) -> int:
    """Register the shop's model as another process does; returns its version."""
    files = home / "shop.joblib", home / "shop.parquet"
    return register(home, Registration("shop", *files, alias="champion")).manifest.version


def test_versions_that_are_registered_eight_at_once_are_all_pinned(home: Home) -> None:
    home.model("shop", *shop_model())
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    with processes.Pool(8) as pool:
        versions = pool.map(register_again, [home.path] * 24, chunksize=1)
    assert sorted(versions) == list(range(2, 26))
    pins, aliases = registry.versions(home.path, "shop")
    assert (sorted(pins), aliases) == (list(range(1, 26)), {"champion": 25, "champion_previous": 24})
    assert all(registry.resolve(home.path, "shop", "", version).sha256 == pins[version] for version in pins)


def test_what_is_no_model_is_refused(home: Home) -> None:
    refused(home, Constant(), shop_model()[1], ModelError, "Constant is neither a classifier nor a regressor")


@pytest.mark.parametrize(
    ("estimator", "complaint"),
    [
        (LogisticRegression(), "LogisticRegression is not trained. Fit it first"),
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


def test_a_reference_without_a_feature_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    refused(
        home,
        estimator,
        reference.drop(columns="visits"),
        ContractError,
        "the reference has no column 'visits'",
    )


def test_a_reference_without_rows_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    refused(
        home,
        estimator,
        reference.head(0),
        ModelError,
        "no rows. The reference is a sample of the training rows",
    )


def test_a_reference_of_other_types_is_refused(home: Home) -> None:
    estimator, reference = shop_model()
    complaint = "the model cannot score rows of the reference"
    refused(home, estimator, reference.astype({"visits": str}).assign(visits="many"), ModelError, complaint)


def test_an_outcome_that_is_not_there_is_refused(home: Home) -> None:
    refused(home, *shop_model(), ModelError, "no outcome column 'sold'", outcome="sold")


@pytest.mark.parametrize("alias", ["Champion", "the best", "", "a]\n[versions"])
def test_an_alias_that_is_no_word_is_refused(home: Home, alias: str) -> None:
    complaint = "use a lower-case word of letters, digits and _"
    refused(home, *shop_model(), UsageError, complaint, alias=alias)


@pytest.mark.parametrize("name", ["../outside", "Shop", "", "a b"])
def test_a_name_that_is_no_word_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="use a lower-case word of letters, digits and _"):
        register(home.path, Registration(name, tmp_path / "m", tmp_path / "r"))


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
