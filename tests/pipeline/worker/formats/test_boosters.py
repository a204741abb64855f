"""LightGBM's, XGBoost's and CatBoost's own files score as the estimators that wrote them, and carry no code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.model.artifact import ModelError
from pipeline.worker.formats import boosters
from pipeline.worker.formats.native import Settings
from tests.home import Home
from tests.pipeline.worker.formats.files import FEATURES, registered, require_same, rows

CLASSES = np.array(["none", "some", "much"])


def lightgbm(file: Path, outcome: str) -> Any:
    library = pytest.importorskip("lightgbm")
    kind = library.LGBMRegressor if outcome == "spent" else library.LGBMClassifier
    estimator = kind(n_estimators=10, verbose=-1, n_jobs=1).fit(rows()[FEATURES], rows()[outcome])
    estimator.booster_.save_model(file.with_suffix(".txt"))
    return estimator


def xgboost(file: Path, outcome: str) -> Any:
    library = pytest.importorskip("xgboost")
    kind = library.XGBRegressor if outcome == "spent" else library.XGBClassifier
    estimator = kind(n_estimators=10, enable_categorical=True, n_jobs=1, early_stopping_rounds=2)
    train, later = rows(), rows(100)
    estimator.fit(
        train[FEATURES], train[outcome], eval_set=[(later[FEATURES], later[outcome])], verbose=False
    )
    estimator.save_model(file.with_suffix(".ubj"))
    return estimator


def catboost(file: Path, outcome: str) -> Any:
    library = pytest.importorskip("catboost")
    kind = library.CatBoostRegressor if outcome == "spent" else library.CatBoostClassifier
    estimator = kind(
        iterations=10, verbose=False, cat_features=["channel"], thread_count=1, allow_writing_files=False
    )
    estimator.fit(rows()[FEATURES], rows()[outcome]).save_model(str(file.with_suffix(".cbm")))
    return estimator


WRITERS = [lightgbm, xgboost, catboost]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("outcome", ["bought", "basket", "spent"])
def test_a_file_scores_as_the_estimator_that_wrote_it(home: Home, write: Any, outcome: str) -> None:
    estimator = write(home.path / "model", outcome)
    [file] = home.path.glob("model.*")
    named = {"classes": CLASSES.tolist()} if outcome == "basket" and write is not catboost else {}
    model = registered(home, file, FEATURES, outcome, **named)
    manifest = model.manifest
    assert (manifest.format, manifest.artefact) == (write.__name__, f"model.{write.__name__}")
    assert next(name for name in manifest.libraries if name.startswith(write.__name__))
    assert manifest.labels == "scores"
    require_same(model, estimator, FEATURES, CLASSES if named else None)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda content: content[: len(content) // 3],
            "the file cannot be read as one of the format|no text file",
        ),
        (
            lambda _: b"no model",
            "the file cannot be read as one of the format .* Write it again with|no text file",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(home: Home, write: Any, spoil: Any, reason: str) -> None:
    write(home.path / "model", "bought")
    [file] = home.path.glob("model.*")
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ModelError, match=reason):
        registered(home, file, FEATURES, "bought")


def test_classes_have_to_be_as_many_as_the_model_has(home: Home) -> None:
    lightgbm(home.path / "model", "basket")
    with pytest.raises(
        ModelError, match="the model has 3 classes, and 2 were named: no, yes. Name each with --class"
    ):
        registered(home, home.path / "model.txt", FEATURES, "basket", classes=["no", "yes"])


def test_an_objective_without_probabilities_is_refused(home: Home) -> None:
    library = pytest.importorskip("lightgbm")
    train = library.Dataset(rows()[FEATURES], rows()["basket"])
    booster = library.train({"objective": "multiclassova", "num_class": 3, "verbose": -1}, train, 3)
    booster.save_model(home.path / "model.txt")
    with pytest.raises(ModelError, match="LightGBM's objective multiclassova gives neither probabilities"):
        registered(home, home.path / "model.txt", FEATURES, "basket")


def test_a_model_of_an_array_takes_the_references_columns_in_their_order(home: Home) -> None:
    library = pytest.importorskip("xgboost")
    columns = ["amount", "visits"]
    estimator = library.XGBClassifier(n_estimators=5, n_jobs=1).fit(
        rows()[columns].to_numpy(), rows()["bought"]
    )
    estimator.save_model(home.path / "model.json")
    model = registered(home, home.path / "model.json", columns, "bought")
    frame = rows(1000)[columns]
    np.testing.assert_allclose(
        model.score(frame).score, estimator.predict_proba(frame.to_numpy())[:, 1], atol=1e-6
    )


def test_a_model_of_xgboosts_has_the_bits_of_its_matrices(tmp_path: Path) -> None:
    library = pytest.importorskip("xgboost")
    estimator = xgboost(tmp_path / "model", "basket")
    frame = rows(1000)[FEATURES]
    matrix = library.DMatrix(frame, nthread=1, enable_categorical=True)
    rounds = (0, estimator.best_iteration + 1)
    expected = estimator.get_booster().predict(matrix, iteration_range=rounds)
    read = boosters.XGBoost((tmp_path / "model.ubj").read_bytes(), Settings("xgboost"))
    assert read.predict_proba(frame).tobytes() == expected.tobytes()
    beyond = frame.assign(amount=1e39)  # infinite in float32, which a matrix refuses
    assert read.predict_proba(beyond).tobytes() == estimator.predict_proba(beyond).tobytes()
