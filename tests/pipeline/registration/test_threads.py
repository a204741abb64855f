"""A model is scored by several threads where they score as one does, and gain by it."""

from collections.abc import Callable
from typing import Any, ClassVar

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC

from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import Manifest
from pipeline.runtime import resources
from pipeline.store import parts
from pipeline.tasks.load_model import load_model
from pipeline.tasks.predict import predict
from tests.home import Home
from tests.pipeline.shop import open_shop

X, Y = make_classification(400, 20, random_state=0)
ROWS = pd.DataFrame(X).rename(columns="c{}".format)


class Slow(RegressorMixin, BaseEstimator):
    """Scores by a sort of many numbers for each row, without the interpreter lock."""

    def fit(self, rows: pd.DataFrame, _: Any = None) -> "Slow":
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        return self.sums(rows.to_numpy())

    def sums(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        largest: npt.NDArray[np.float64] = np.sort(np.repeat(values, 20, axis=1), axis=1)[:, -1]
        return largest


class Counting(Slow):
    """Keeps how many rows it has scored."""

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        self.rows_ = getattr(self, "rows_", 0) + len(rows)
        return super().predict(rows)


class Buffered(Slow):
    """Keeps its rows where two threads meet, and no pickle sees it."""

    shared: ClassVar[list[npt.NDArray[np.float64]]] = []

    def predict(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        Buffered.shared[:] = [rows.to_numpy()]
        slow = super().predict(rows)
        scores: npt.NDArray[np.float64] = slow + self.shared[0].sum(axis=1)
        return scores


class Plain(Slow):
    """Scores in Python, row by row."""

    def sums(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.array([max(row) for row in values.tolist()])


ESTIMATORS: dict[str, tuple[Callable[[], Any], bool]] = {
    "boosted": (lambda: HistGradientBoostingClassifier(max_iter=30), True),
    "trees": (lambda: ExtraTreesClassifier(30, random_state=0, n_jobs=-1), True),
    "neighbours": (KNeighborsClassifier, True),
    "network": (lambda: MLPRegressor(hidden_layer_sizes=(200,), max_iter=3), True),
    "kernel": (lambda: SVC(probability=True, random_state=0), True),
    "matrix": (lambda: make_pipeline(PolynomialFeatures(), LogisticRegression(max_iter=20)), True),
    "slow": (Slow, True),
    "counting": (Counting, False),
    "buffered": (Buffered, False),
    "plain": (Plain, False),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_threads_score_at_once_where_they_can_and_as_one_does(home: Home, name: str) -> None:
    make, concurrent = ESTIMATORS[name]
    loaded = registry.load(home.model("tried", make().fit(ROWS, Y), ROWS))
    assert loaded.manifest.concurrent is concurrent
    assert 0 < loaded.manifest.score_seconds < 1
    if concurrent:
        batches = [ROWS.iloc[begin : begin + 30].reset_index(drop=True) for begin in range(0, 400, 30)]
        alone, *together = (
            [scores.score.tobytes() for scores in resources.in_order(loaded.score, batches, threads)]
            for threads in (1, 2, 5)
        )
        assert together == [alone, alone]


def test_a_part_is_the_same_to_the_last_byte_by_however_many_threads(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.model("shop", HistGradientBoostingClassifier(max_iter=10).fit(ROWS, Y), ROWS)
    shop = open_shop(home, ROWS.assign(entity_id=[f"e{place}" for place in range(400)]))
    shop.configure("rows_per_part = 40", "rows_per_part = 400")
    monkeypatch.setattr(parts, "ROWS_PER_GROUP", 30)
    (work,) = load_model(home.workspace, home.read(shop.job), shop.extract())
    scored = []
    for processors in (1, 2, 5):
        monkeypatch.setattr(joblib, "cpu_count", lambda processors=processors: processors)
        scored.append(predict(home.workspace, home.read(shop.job), work))
    assert len({part.part.sha256 for part in scored}) == 1
    assert len({part.profile.sha256 for part in scored if part.profile}) == 1


def test_a_version_of_which_nobody_knows_is_scored_by_one_thread(home: Home) -> None:
    home.model("shop", Slow().fit(ROWS), ROWS)
    manifest = registry.resolve(home.path, "shop", "champion").manifest
    old = manifest.model_dump_json(exclude={"concurrent"})
    assert manifest.concurrent
    assert not Model(Manifest.model_validate_json(old), None).manifest.concurrent
