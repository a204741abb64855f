"""An estimator computes on one thread, and answers with plain numbers."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from pipeline.model.artifact import unloadable
from pipeline.worker import estimators
from pipeline.worker.failures import Failure
from pipeline.worker.formats import reading
from pipeline.worker.formats.native import Settings

ROWS = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
LATE = np.where(ROWS["b"] > 3, "late", "in time")


def test_whatever_an_estimator_is_made_of_computes_on_one_thread() -> None:
    forest = RandomForestClassifier(3, n_jobs=-1)
    fitted = make_pipeline(CalibratedClassifierCV(forest, cv=2, n_jobs=2)).fit(ROWS, LATE)
    read = estimators.read(io.BytesIO(pickle.dumps(fitted)))
    calibrated = read[-1]
    inner = [each.estimator.n_jobs for each in calibrated.calibrated_classifiers_]
    assert (calibrated.n_jobs, calibrated.estimator.n_jobs, inner) == (1, 1, [1, 1])


def test_labels_are_those_of_its_own_predict_where_they_are_asked_for() -> None:
    machine = SVC(probability=True, random_state=0).fit(ROWS, LATE)
    plain = estimators.answer(machine, ROWS, regression=False, labels=False)
    asked = estimators.answer(machine, ROWS, regression=False, labels=True)
    assert plain.labels is None
    assert asked.labels is not None
    assert machine.classes_[asked.labels].tolist() == machine.predict(ROWS).tolist()
    np.testing.assert_array_equal(asked.values, machine.predict_proba(ROWS))
    machine.classes_ = np.array(["late", "never"])
    machine.predict = lambda rows: ["in time"] * len(rows)
    with pytest.raises(KeyError, match="in time"):
        estimators.answer(machine, ROWS, regression=False, labels=True)


def test_a_file_of_another_scikit_learn_is_refused_in_every_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(content: bytes, settings: Settings) -> None:
        estimator = LinearRegression()
        estimator.__setstate__({"_sklearn_version": "1.8.0"})

    monkeypatch.setitem(reading._READERS, "skops", reading._Reader("skops", load, "skops.io.dump"))
    with pytest.raises(InconsistentVersionWarning) as error:
        estimators.read(io.BytesIO(b""), Settings("skops"))
    assert "Install scikit-learn==1.8.0" in str(unloadable(Failure.of(error.value), "model.skops"))
