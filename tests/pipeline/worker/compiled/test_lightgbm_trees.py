"""Boosters of LightGBM give the same bits by compiled trees; those that are otherwise are left as they are."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.worker.compiled import lightgbm_trees
from pipeline.worker.compiled.lightgbm_trees import of_lightgbm, plain_rows
from pipeline.worker.compiled.predictor import Predictor
from pipeline.worker.compiled.seams import seam_of
from pipeline.worker.compiled.trees import LEFT, RIGHT, NotCompiledError
from pipeline.worker.formats.boosters import LightGBM
from pipeline.worker.formats.native import Settings
from tests.pipeline.worker.compiled.fitted import (
    COLUMNS,
    batch,
    library,
    needs_compiler,
    outcome,
    path,
    rows,
)

lightgbm = pytest.importorskip("lightgbm")
FEATURES = list("abcd")


def trained(classes: int, **settings: Any) -> Any:
    """A booster of LightGBM's estimator: of so many classes, or of values."""
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    settings = {"n_estimators": 12, "min_child_samples": 5, "n_jobs": 1, "verbose": -1, **settings}
    return kind(**settings).fit(rows()[FEATURES], outcome(classes))


def opened(estimator: Any, classes: int, file: str) -> Predictor:
    return Predictor(estimator, COLUMNS[:4], file, regression=classes == 0, labels=False)


@needs_compiler
@pytest.mark.parametrize(
    ("classes", "settings"),
    [
        (2, {}),
        (3, {}),
        (0, {}),
        (0, {"objective": "regression_l1"}),
        (2, {"num_leaves": 200, "min_child_samples": 1}),
        (2, {"use_missing": False}),
        (2, {"min_child_samples": 1000}),  # trees of a single leaf
    ],
)
def test_a_booster_gives_the_same_bits(classes: int, settings: dict[str, Any], tmp_path: Path) -> None:
    estimator = trained(classes, **settings)
    text = estimator.booster_.model_to_string().encode()
    file = path(tmp_path)
    for each in (estimator, LightGBM(text, Settings("lightgbm"))):
        opening = opened(each, classes, file)
        assert opening.refusal == ""
        proof = opening.prove(batch(rows()).select(FEATURES), 20_000)
        assert proof.rows >= 10_600
        assert proof.differing == 0


@needs_compiler
@pytest.mark.parametrize(
    ("classes", "settings", "reason"),
    [
        (2, {"zero_as_missing": True}, "it takes zeros for missing"),
        (2, {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, "it averages its trees"),
        (0, {"objective": "poisson"}, "its objective is poisson"),
        (0, {"reg_sqrt": True}, "squares their sums"),
        (0, {"linear_tree": True}, "have linear leaves"),
    ],
)
def test_a_booster_of_another_kind_scores_by_itself(
    classes: int, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    refusal = opened(trained(classes, **settings), classes, path(tmp_path)).refusal
    assert refusal.startswith("the model has no estimator that can be compiled: ")
    assert reason in refusal


def test_a_booster_of_a_custom_objective_scores_by_itself() -> None:
    def objective(outcome: Any, values: Any) -> tuple[Any, Any]:
        return values - outcome, np.ones(len(values))

    with pytest.raises(NotCompiledError, match="its objective is custom"):
        of_lightgbm(trained(0, objective=objective).booster_)


def test_a_booster_of_categories_scores_by_itself() -> None:
    named = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows(), outcome(2))
    with pytest.raises(NotCompiledError, match="its columns hold categories"):
        of_lightgbm(named.booster_)
    numbered = trained(2, categorical_feature=[2], max_cat_to_onehot=1, min_data_per_group=1, cat_smooth=0)
    with pytest.raises(NotCompiledError, match="its trees test categories"):
        of_lightgbm(numbered.booster_)


@needs_compiler
@pytest.mark.parametrize(
    "options", [{"raw_score": True}, {"num_iteration": 3}, {"pred_leaf": True}, {"start_iteration": 2}]
)
def test_what_else_it_is_asked_is_its_own_answer(options: dict[str, Any], tmp_path: Path) -> None:
    booster, frame = trained(2).booster_, rows()[FEATURES]
    expected = booster.predict(frame, **options)
    seam = seam_of(booster, library(tmp_path))
    assert seam is not None
    seam.use(True)
    assert booster.predict(frame, **options).tobytes() == expected.tobytes()


@needs_compiler
def test_a_sum_beyond_what_exp_takes_is_its_own_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booster, frame = trained(2).booster_, rows()[FEATURES]
    expected = booster.predict(frame)
    seam = seam_of(booster, library(tmp_path))
    assert seam is not None
    seam.use(True)

    def overflowing(exponent: float) -> float:
        raise OverflowError

    monkeypatch.setattr(math, "exp", overflowing)
    assert booster.predict(frame).tobytes() == expected.tobytes()


def test_thresholds_within_what_is_taken_for_zero_are_moved_beyond_it() -> None:
    zero = lightgbm_trees._ZERO
    thresholds = np.array([0.0, 1e-36, -1e-36, -zero, 1.0, -1.0])
    moved, kind = lightgbm_trees._tests(thresholds, np.zeros(6, np.int64))
    beyond = np.nextafter(-zero, -1)
    assert moved.tolist() == [zero, zero, beyond, beyond, 1.0, -1.0]
    assert kind.tolist() == [LEFT, LEFT, RIGHT, RIGHT, LEFT, RIGHT]


def test_rows_of_numbers_alone_are_plain() -> None:
    frame = rows()
    plain = plain_rows(frame[FEATURES], 4)
    assert plain is not None
    assert plain.dtype == np.float64
    for other in (frame, frame[FEATURES].astype("Float64"), frame[["a"]], frame[FEATURES].head(0), [[1.0]]):
        assert plain_rows(other, 5 if other is frame else 4) is None
