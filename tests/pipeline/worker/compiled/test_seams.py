"""An estimator is compiled by its own class alone, and lets its own method answer what is not of one kind."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor

from pipeline.worker.compiled import seams
from tests.pipeline.worker.compiled.fitted import fitted, library, needs_compiler, outcome, rows


class Doubled(RandomForestRegressor):
    """One that predicts in a way of its own."""


def test_a_class_that_is_derived_from_one_is_another_kind() -> None:
    assert seams.compilable(HistGradientBoostingClassifier())
    assert not seams.compilable(Doubled())


@needs_compiler
def test_predictions_stage_by_stage_are_the_estimators_own(tmp_path: Path) -> None:
    estimator = fitted("values")
    expected = list(estimator.staged_predict(rows()))
    seam = seams.seam_of(estimator, library(tmp_path))
    assert seam is not None
    try:
        seam.use(True)
        assert all(map(np.array_equal, estimator.staged_predict(rows()), expected))
    finally:
        seam.use(False)


@needs_compiler
def test_an_object_that_was_given_another_method_keeps_it(tmp_path: Path) -> None:
    estimator = RandomForestRegressor(2).fit(rows()[["a", "b"]], outcome(0))
    estimator.predict = len
    assert seams.seam_of(estimator, library(tmp_path)) is None
    assert estimator.predict is len


@needs_compiler
def test_a_forest_of_two_outcomes_is_left_as_it_is(tmp_path: Path) -> None:
    two = np.column_stack([outcome(0), outcome(0)])
    estimator = RandomForestRegressor(2).fit(rows()[["a", "b"]], two)
    assert seams.seam_of(estimator, library(tmp_path)) is None


@needs_compiler
@pytest.mark.parametrize("name", ["binary", "values"])
def test_the_estimator_is_whole_again_afterwards(name: str, tmp_path: Path) -> None:
    estimator = fitted(name)
    before = dict(vars(estimator))
    seam = seams.seam_of(estimator, library(tmp_path))
    assert seam is not None
    seam.use(True)
    assert seam.method in vars(estimator)
    seam.use(False)
    assert vars(estimator).keys() == before.keys()
