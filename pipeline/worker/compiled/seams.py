"""Where a compiled predictor takes an estimator's place: one method each, beneath all that checks and encodes rows.

scikit-learn's own code goes on to do all else: names and types of columns, categories, links, labels. So an estimator
may stand anywhere, in a Pipeline or within a calibration, and whoever asks it notices nothing.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline.worker.compiled import lightgbm_trees, xgboost_trees
from pipeline.worker.compiled.hurting import Domain
from pipeline.worker.compiled.library import Library
from pipeline.worker.compiled.packing import pack
from pipeline.worker.compiled.trees import Numbers, of_boosting, of_forest


class _RecordedError(Exception):
    """The rows of a call are kept, and nobody wants its answer."""


@dataclass(frozen=True)
class Seam:
    """One fitted estimator, and the method of it that is compiled.

    Attributes:
        estimator: itself.
        domain: its trees, and what rows they take.
        method: the name of its method.
        compiled: what takes that method's place.
        ask: what the estimator's method, or the other, gives for rows of its trees' features.
        rows_of: the rows among what the method is called with.
        finish: what the estimator says of rows that its method has got so, by what is compiled.
    """

    estimator: Any
    domain: Domain
    method: str
    compiled: Callable[..., Any]
    ask: Callable[[Callable[..., Any], Numbers], Numbers]
    rows_of: Callable[..., Any]
    finish: Callable[[Numbers], Numbers]

    @property
    def own(self) -> Callable[..., Any]:
        """The estimator's own method."""
        own: Callable[..., Any] = getattr(type(self.estimator), self.method).__get__(self.estimator)
        return own

    def use(self, compiled: bool) -> None:
        """Have the compiled method answer from now on, or the estimator's own."""
        vars(self.estimator).pop(self.method, None)
        if compiled:
            vars(self.estimator)[self.method] = self.compiled

    @contextmanager
    def recorded(self) -> Iterator[list[Any]]:
        """Have the method keep the rows that it gets, and end there whatever asked for it, meanwhile."""
        kept, before = [], vars(self.estimator).get(self.method)

        def keep(*called: Any, **options: Any) -> None:
            kept.append(self.rows_of(*called, **options))
            raise _RecordedError

        vars(self.estimator)[self.method] = keep
        try:
            with suppress(_RecordedError):
                yield kept
        finally:
            self.use(before is not None)


def compilable(estimator: Any) -> bool:
    """Whether an estimator is of a kind that can be compiled."""
    return _kind(estimator) in _KINDS


def seam_of(estimator: Any, library: Library) -> Seam | None:
    """How an estimator is compiled; None where it is of another kind, was not trained, or has a method of its own.

    It reads what scikit-learn keeps to itself, and raises whatever comes of it where a version keeps it otherwise.
    """
    make = _KINDS.get(_kind(estimator))
    seam = make(estimator, library) if make and _is_fitted(estimator) else None
    # What somebody has given this one object in the method's place would be lost.
    return None if seam and seam.method in vars(estimator) else seam


def _is_fitted(estimator: Any) -> bool:
    """Whether it was trained: a calibration keeps the untrained one, too, of which it has made others."""
    if type(estimator).__name__ == "Booster":  # there is none before
        return True
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _kind(estimator: Any) -> tuple[str, str]:
    """A class by its name alone: one that is derived from it may predict in another way."""
    return type(estimator).__module__, type(estimator).__name__


def _boosting(estimator: Any, library: Library) -> Seam:
    trees = of_boosting(estimator)
    adder, whole = library.adder(pack(trees)), estimator._predictors
    own = type(estimator)._predict_iterations.__get__(estimator)

    def predict(rows: Any, predictors: Any, sums: Any, is_binned: bool, n_threads: int) -> None:
        if predictors is not whole or is_binned or rows.dtype != np.float64:
            own(rows, predictors, sums, is_binned, n_threads)
        else:
            adder.add(rows, sums)

    def ask(method: Callable[..., Any], rows: Numbers) -> Numbers:
        sums = np.zeros((len(rows), estimator.n_trees_per_iteration_), order="F")
        sums += estimator._baseline_prediction
        method(rows, whole, sums, False, 1)
        return sums

    def finish(rows: Numbers) -> Numbers:
        sums, loss = ask(predict, rows), estimator._loss
        finished = (
            loss.predict_proba(sums) if hasattr(estimator, "classes_") else loss.link.inverse(sums.ravel())
        )
        return np.asarray(finished)

    # Categories come first where scikit-learn encodes them itself, and are as many columns.
    taken = Domain(trees, estimator.n_features_in_)
    return Seam(
        estimator, taken, "_predict_iterations", predict, ask, rows_of=lambda rows, *_: rows, finish=finish
    )


def _forest(estimator: Any, library: Library) -> Seam | None:
    if estimator.n_outputs_ != 1:
        return None
    trees = of_forest(estimator)
    adder, classes = library.adder(pack(trees)), trees.value.shape[1]
    method = "predict_proba" if hasattr(estimator, "classes_") else "predict"
    own = getattr(type(estimator), method).__get__(estimator)

    def predict(rows: Any) -> Any:
        checked = estimator._validate_X_predict(rows)
        return finish(checked) if isinstance(checked, np.ndarray) else own(rows)  # a sparse matrix

    def finish(checked: Numbers) -> Numbers:
        sums = np.zeros((len(checked), classes))
        adder.add(checked, sums)
        sums /= len(estimator.estimators_)
        return sums if method == "predict_proba" else sums[:, 0]

    def ask(method: Callable[..., Any], rows: Numbers) -> Numbers:
        with warnings.catch_warnings():  # these rows have no names
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(method(rows))

    takes_missing = estimator.estimators_[0]._support_missing_values(np.empty((0, 0)))
    taken = Domain(trees, estimator.n_features_in_, np.float32, finite=True, missing=takes_missing)
    return Seam(estimator, taken, method, predict, ask, estimator._validate_X_predict, finish)


def _booster(method: str, compiled: Callable[..., Any], booster: Any, library: Library) -> Seam:
    taken, predict, options = compiled(booster, library)

    def ask(method: Callable[..., Any], rows: Numbers) -> Numbers:
        return np.asarray(method(rows, **options))

    def rows_of(data: Any, **_: Any) -> Any:
        return data.astype(taken.dtype) if isinstance(data, np.ndarray) else data  # such as one of objects

    return Seam(booster, taken, method, predict, ask, rows_of, finish=predict)


_BOOSTING = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
_FOREST = "sklearn.ensemble._forest"
_KINDS: dict[tuple[str, str], Callable[[Any, Library], Seam | None]] = {
    ("lightgbm.basic", "Booster"): partial(_booster, "predict", lightgbm_trees.compiled),
    ("xgboost.core", "Booster"): partial(_booster, "inplace_predict", xgboost_trees.compiled),
    **{(_BOOSTING, f"HistGradientBoosting{kind}"): _boosting for kind in ("Classifier", "Regressor")},
    **{
        (_FOREST, f"{name}{kind}"): _forest
        for name in ("RandomForest", "ExtraTrees")
        for kind in ("Classifier", "Regressor")
    },
}
