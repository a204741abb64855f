"""An artefact becomes an estimator that computes on one thread, and an estimator's answer becomes plain numbers."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.worker.formats import reading
from pipeline.worker.formats.native import Native, Settings


@dataclass(frozen=True)
class Answer:
    """What an estimator says of a frame.

    Attributes:
        values: float64: probabilities of classes, or predicted values, of whatever shape it gives.
        labels: where its own `predict` was asked for, the predicted classes' indices; None where the values are none
            that a run may use, and nobody needs a label.
    """

    values: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64] | None = None


def read(file: BinaryIO, settings: Settings | None = None) -> Any:
    """The estimator of a file, of `joblib.dump` unless told otherwise. It runs the model's own code, which may raise.

    Raises:
        FormatError: a file of another format cannot be read.
    """
    with warnings.catch_warnings():
        for category in _inconsistent():
            warnings.simplefilter("error", category)
        if settings and settings.format != reading.JOBLIB:
            estimator = reading.read(file.read(), settings)
        else:
            estimator = joblib.load(file)
    use_one_thread(estimator)
    return estimator


def answer(estimator: Any, frame: pd.DataFrame, *, regression: bool, labels: bool) -> Answer:
    """Ask an estimator for its probabilities or values, and for the labels of its own `predict`.

    It runs the model's own code, which may raise anything.
    """
    raw = estimator.predict(frame) if regression else estimator.predict_proba(frame)
    values = np.asarray(raw, dtype=np.float64)
    if not labels or not ((values >= 0) & (values <= 1)).all():
        return Answer(values)
    classes = np.asarray(estimator.classes_).tolist()
    indices = {value: index for index, value in enumerate(classes)}
    predicted = np.asarray(estimator.predict(frame)).tolist()
    return Answer(values, np.array([indices[value] for value in predicted], np.int64))


def use_one_thread(estimator: Any) -> None:
    """Have an estimator, and all that it is made of, compute on the caller's own thread.

    Threads that add up a forest's trees do so in any order, so that the last bits of a score would differ from one try
    to the next; and tasks share their machine's processors themselves.
    """
    for part in parts(estimator):
        # None is one thread for scikit-learn and every processor for others.
        if getattr(part, "n_jobs", 1) != 1:
            part.n_jobs = 1


def parts(estimator: Any) -> Iterator[Any]:
    """An estimator and the fitted ones within it, wherever they are kept."""
    return _parts(estimator, set())


@cache
def _bases() -> tuple[type, ...]:
    """What scikit-learn's estimators are; nothing where there is none."""
    try:
        from sklearn.base import BaseEstimator
    except ImportError:
        return ()
    return (BaseEstimator,)


def _inconsistent() -> list[type[Warning]]:
    """What scikit-learn warns of where a pickle is of another version; nothing where there is none."""
    try:
        from sklearn.exceptions import InconsistentVersionWarning
    except ImportError:
        return []
    return [InconsistentVersionWarning]


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """An estimator and the fitted ones within it, which their own parameters do not always name."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, (*_bases(), Native)):
        yield value
        for inner in vars(value).values():
            yield from _parts(inner, seen)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _parts(inner, seen)
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for inner in value:
            yield from _parts(inner, seen)
    elif type(value).__module__ in ("lightgbm.basic", "xgboost.core"):
        yield value
    elif type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
        # Such as the fitted parts of CalibratedClassifierCV, which are no estimators themselves.
        for inner in vars(value).values():
            yield from _parts(inner, seen)
