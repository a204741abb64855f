"""Boosters of XGBoost give the same bits by compiled trees; those that are otherwise are left as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from pipeline.worker.compiled import hurting
from pipeline.worker.compiled.library import FLOAT32_FUNCTION, Adder, Library
from pipeline.worker.compiled.predictor import Predictor
from pipeline.worker.compiled.seams import Seam, seam_of
from pipeline.worker.compiled.trees import Numbers
from pipeline.worker.formats.boosters import XGBoost
from pipeline.worker.formats.native import Settings
from tests.pipeline.worker.compiled.fitted import (
    COLUMNS,
    batch,
    library,
    needs_compiler,
    numbers,
    outcome,
    path,
    rows,
)

xgboost = pytest.importorskip("xgboost")
FEATURES = list("abcd")
pytestmark = needs_compiler


def trained(classes: int, data: pd.DataFrame | None = None, **options: Any) -> Any:
    """XGBoost's estimator of so many classes, or of values."""
    kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
    fitted = kind(**{"n_estimators": 12, "max_depth": 4, "n_jobs": 1, **options})
    return fitted.fit(rows()[FEATURES] if data is None else data, outcome(classes))


def opened(estimator: Any, classes: int, file: str) -> Predictor:
    return Predictor(estimator, COLUMNS[:4], file, regression=classes == 0, labels=False)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The compiled library: a file that is loaded may not be written again."""
    return library(tmp_path_factory.mktemp("library"))


def compiled(booster: Any, loaded: Library) -> Seam:
    """A booster whose compiled trees answer."""
    seam = seam_of(booster, loaded)
    assert seam is not None
    seam.use(True)
    return seam


def differing(seam: Seam, number: int) -> int:
    """How many of so many rows made to hurt get other bits."""
    given = np.concatenate(list(hurting.rows(seam.domain, number)))
    own, ours = seam.ask(seam.own, given), seam.ask(seam.compiled, given)
    assert own.dtype == ours.dtype == np.float32
    assert own.shape == ours.shape
    return int((own.view(np.uint32) != ours.view(np.uint32)).sum())


@pytest.mark.parametrize(
    ("classes", "options"),
    [
        (2, {}),
        (3, {}),
        (0, {}),
        (0, {"objective": "reg:gamma"}),
        (0, {"objective": "count:poisson", "base_score": 0.3}),
        (0, {"objective": "reg:quantileerror", "quantile_alpha": 0.9}),
        (2, {"max_depth": 12, "min_child_weight": 0}),  # trees of more leaves than a mask has bits
        (2, {"tree_method": "exact", "gamma": 1}),  # nodes that were taken away
        (2, {"gamma": 1e6}),  # trees of a single leaf
        (3, {"num_parallel_tree": 3, "subsample": 0.5}),
    ],
)
def test_a_booster_gives_the_same_bits(classes: int, options: dict[str, Any], tmp_path: Path) -> None:
    estimator = trained(classes, **options)
    content = bytes(estimator.get_booster().save_raw("ubj"))
    file = path(tmp_path)
    for each in (estimator, XGBoost(content, Settings("xgboost"))):
        opening = opened(each, classes, file)
        assert opening.refusal == ""
        proof = opening.prove(batch(rows()).select(FEATURES), 20_000)
        assert proof.rows >= 10_600
        assert proof.differing == 0


def test_a_booster_behind_an_encoder_gives_the_same_bits(tmp_path: Path) -> None:
    estimator = make_pipeline(numbers(), xgboost.XGBClassifier(n_estimators=9, n_jobs=1))
    opening = Predictor(
        estimator.fit(rows(), outcome(3)), COLUMNS, path(tmp_path), regression=False, labels=True
    )
    assert opening.refusal == ""
    assert opening.prove(batch(rows()), 20_000).differing == 0


@settings(max_examples=25, deadline=None)
@given(
    objective=st.sampled_from(
        ["binary:logistic", "multi:softprob", "multi:softmax", "reg:squarederror", "reg:tweedie"]
    ),
    depth=st.integers(1, 9),
    method=st.sampled_from(["hist", "exact", "approx"]),
    gamma=st.sampled_from([0.0, 0.5]),
    missing=st.sampled_from([0.0, 0.3]),
    scale=st.sampled_from([1e-38, 1.0, 1e30]),
    seed=st.integers(0, 99),
)
def test_boosters_of_any_kind_give_the_same_bits(
    loaded: Library,
    objective: str,
    depth: int,
    method: str,
    gamma: float,
    missing: float,
    scale: float,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    data = random.normal(size=(400, 3)).round(seed % 3 + 1) * scale
    label = np.abs(data).sum(axis=1) > np.abs(data).sum(axis=1).mean()
    data[random.random(data.shape) < missing] = np.nan
    options = {
        "objective": objective,
        "max_depth": depth,
        "tree_method": method,
        "gamma": gamma,
        "nthread": 1,
    }
    if objective.startswith("multi"):
        options["num_class"] = 2
    booster = xgboost.train(options, xgboost.DMatrix(data, label.astype(int)), 7)
    assert differing(compiled(booster, loaded), 2000) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"booster": "dart"}, "it is of the kind dart"),
        ({"booster": "gblinear"}, "it is of the kind gblinear"),
        ({"n_estimators": 0}, "it has no trees"),
    ],
)
def test_a_booster_of_another_kind_scores_by_itself(
    options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    opening = opened(trained(2, **options), 2, path(tmp_path))
    assert opening.refusal == f"the model has no estimator that can be compiled: {reason}"
    assert len(opening.answer(batch(rows()).select(FEATURES)).values) == 600


def test_columns_of_categories_score_by_themselves(tmp_path: Path) -> None:
    named = trained(2, rows(), enable_categorical=True)
    opening = Predictor(named, COLUMNS, path(tmp_path), regression=False, labels=False)
    assert opening.refusal.endswith("its columns hold categories")


def test_tests_of_categories_score_by_themselves(tmp_path: Path) -> None:
    options = {"feature_types": ["c"], "enable_categorical": True, "max_cat_to_onehot": 1}
    numbered = trained(2, rows()[["c"]].abs(), **options)
    opening = Predictor(numbered, COLUMNS[2:3], path(tmp_path), regression=False, labels=False)
    assert opening.refusal.endswith("its trees test categories")


def test_leaves_of_several_values_score_by_themselves(tmp_path: Path) -> None:
    data = rows()[FEATURES]
    options = {"objective": "multi:softprob", "num_class": 3, "multi_strategy": "multi_output_tree"}
    booster = xgboost.train({**options, "nthread": 1}, xgboost.DMatrix(data, outcome(3)), 3)
    opening = opened(XGBoost(bytes(booster.save_raw("ubj")), Settings("xgboost")), 3, path(tmp_path))
    assert opening.refusal.endswith("its leaves have a value for each outcome")


def test_the_best_rounds_of_early_stopping_are_what_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, label = rows()[FEATURES], outcome(2)
    kind = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, n_jobs=1, learning_rate=1)
    estimator = kind.fit(data[:300], label[:300], eval_set=[(data[300:], label[300:])], verbose=False)
    booster = estimator.get_booster()
    assert estimator.best_iteration + 1 < booster.num_boosted_rounds()
    expected, whole = estimator.predict_proba(data), booster.inplace_predict(data)
    opening = opened(estimator, 2, path(tmp_path))
    assert opening.refusal == ""
    assert opening.prove(batch(rows()).select(FEATURES), 2000).differing == 0
    assert estimator.predict_proba(data).tobytes() == expected.tobytes()
    monkeypatch.setattr(Adder, "add", None)  # all rounds are its own answer
    assert booster.inplace_predict(data).tobytes() == whole.tobytes()


def test_one_bit_in_one_row_has_the_booster_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Adder.add

    def one_bit_off(self: Adder, given: Numbers, sums: Numbers) -> None:
        add(self, given, sums)
        sums[-1] = np.nextafter(sums[-1], np.float32(np.inf))

    monkeypatch.setattr(Adder, "add", one_bit_off)
    refusal = opened(trained(0), 0, path(tmp_path)).refusal
    assert refusal.endswith("rows made to hurt get other bits than by Booster")


def test_a_library_from_before_has_the_booster_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function = Library._function

    def missing(self: Library, name: str) -> Any:
        return function(self, name if name != FLOAT32_FUNCTION else "add_leaves_float_1")

    monkeypatch.setattr(Library, "_function", missing)
    assert opened(trained(2), 2, path(tmp_path)).refusal.startswith(
        "it cannot be used here: AttributeError: "
    )
