"""What a compiled booster of XGBoost is asked: it answers what is of the usual kind, and lets all else be as it was."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.worker.compiled.library import Adder, Library
from pipeline.worker.compiled.xgboost_trees import FEW, plain_rows
from tests.pipeline.worker.compiled.fitted import library, needs_compiler, rows
from tests.pipeline.worker.compiled.test_xgboost_trees import FEATURES, compiled, trained

xgboost = pytest.importorskip("xgboost")
pytestmark = needs_compiler


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The compiled library: a file that is loaded may not be written again."""
    return library(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize(
    "options", [{"predict_type": "margin"}, {"strict_shape": True}, {"iteration_range": (0, 12)}]
)
def test_margins_and_shapes_have_the_same_bits(
    classes: int, options: dict[str, Any], loaded: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    booster, data = trained(classes).get_booster(), rows()[FEATURES]
    expected, add = booster.inplace_predict(data, **options), Adder.add
    calls: list[None] = []
    compiled(booster, loaded)
    monkeypatch.setattr(Adder, "add", lambda *called: calls.append(add(*called)))
    got = booster.inplace_predict(data, **options)
    assert len(calls) == 1
    assert (got.shape, got.tobytes()) == (expected.shape, expected.tobytes())


@pytest.mark.parametrize(
    "options",
    [
        {"iteration_range": (0, 3)},
        {"iteration_range": (2, 12)},
        {"missing": 0.0},
        {"base_margin": np.full(600, 0.5)},
    ],
)
def test_what_else_it_is_asked_is_its_own_answer(
    options: dict[str, Any], loaded: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    booster, data = trained(2).get_booster(), rows()[FEATURES]
    expected = booster.inplace_predict(data, **options)
    compiled(booster, loaded)
    monkeypatch.setattr(Adder, "add", None)
    assert booster.inplace_predict(data, **options).tobytes() == expected.tobytes()


def test_few_rows_are_its_own_answer(loaded: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    booster, data = trained(2).get_booster(), rows()[FEATURES]
    few, more = (booster.inplace_predict(data.head(number)) for number in (FEW - 1, FEW))
    compiled(booster, loaded)
    assert booster.inplace_predict(data.head(FEW)).tobytes() == more.tobytes()
    monkeypatch.setattr(Adder, "add", None)
    assert booster.inplace_predict(data.head(FEW - 1)).tobytes() == few.tobytes()


def test_columns_of_other_names_are_refused_as_before(loaded: Library) -> None:
    booster, data = trained(2).get_booster(), rows()[FEATURES]
    compiled(booster, loaded)
    with pytest.raises(ValueError, match="feature_names mismatch"):
        booster.inplace_predict(data[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="Feature shape mismatch"):
        booster.inplace_predict(data.to_numpy()[:, :3])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_integers_are_rounded_once(dtype: Any, loaded: Library) -> None:
    random = np.random.default_rng(0)
    data = pd.DataFrame({"whole": random.integers(2**61, 2**62, 400), "number": random.normal(size=400)})
    data = data.assign(flag=random.random(400) < 0.5, small=random.normal(size=400).astype(np.float32))
    data["whole"] = data["whole"].astype(dtype)
    label = (data["whole"] > data["whole"].median()) ^ data["flag"]
    booster = xgboost.XGBClassifier(n_estimators=9, n_jobs=1).fit(data, label).get_booster()
    trees = compiled(booster, loaded).domain.trees
    below = np.unique(trees.threshold[(trees.left >= 0) & (trees.feature == 0)]).astype(np.float32)
    above = np.nextafter(below, np.float32(np.inf))
    middle = below.astype(np.int64) + (above.astype(np.int64) - below.astype(np.int64)) // 2
    # By float64 first, what is one beyond the middle would lie in it, and be rounded to the even one.
    beside = np.concatenate([middle - 1, middle, middle + 1]).astype(dtype)
    asked = data.head(1).loc[np.zeros(len(beside), int)].assign(whole=beside)
    asked = pd.concat([asked.assign(flag=flag) for flag in (False, True)] * 20, ignore_index=True)
    assert len(asked) > FEW
    own = type(booster).inplace_predict(booster, asked)
    assert booster.inplace_predict(asked).tobytes() == own.tobytes()


def test_other_frames_and_arrays_are_not_plain() -> None:
    frame = rows()[FEATURES]
    plain = plain_rows(frame, 4, FEATURES)
    assert plain is not None
    assert plain.dtype == np.float32
    others = [frame.astype("Float64"), frame[["a"]], frame[FEATURES[::-1]], rows(), [[1.0] * 4] * 99]
    for other in (*others, frame.to_numpy(object)):
        assert plain_rows(other, 5 if other is others[3] else 4, FEATURES) is None
