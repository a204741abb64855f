"""The way of a batch to a model's trees without a frame: each column goes by itself to where the trees test it.

What stands before the trees is not imitated. It is asked once, when the model is loaded, what it makes of each value
that a column may have, and its answers are kept as tables. So it may hold only what treats each column by itself.
"""

import contextlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.worker import frames
from pipeline.worker.compiled.columns import NeedsFrameError, bits, is_text, probes_of, way_of
from pipeline.worker.compiled.seams import Seam
from pipeline.worker.compiled.trees import Numbers
from pipeline.worker.frames import Column

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder")
# Modules of estimators that hand an array to their booster as it is.
_ABOVE_BOOSTERS = ("lightgbm.sklearn", "xgboost.sklearn")
# In a name's place: the encoder that knows a value may be any column's.
_ANY = ""
_MIXED, _SEED = 64, 20130701


class Direct:
    """Answers for batches of a model whose last step is compiled trees."""

    def __init__(self, estimator: Any, seam: Seam, columns: Sequence[Column]) -> None:
        """Ask the model what it makes of each value.

        Args:
            estimator: the whole model.
            seam: of its last step.
            columns: what the model takes.

        Raises:
            NeedsFrameError: it takes frames alone.
        """
        steps = _steps(estimator)
        if not all(map(_is_by_columns, steps[:-1])):
            raise NeedsFrameError
        self._estimator, self._seam, self._columns = estimator, seam, columns
        self._finish = _finish_of(steps[-1], seam)
        names, known = {column.name for column in columns}, defaultdict[str, set[Any]](set)
        for name, values in _known(steps[:-1], ()):
            known[name if name in names else _ANY].update(values)
        # Trees that take categories have an encoder of their own, whose numbers are mostly codes of others.
        for _, values in _known((getattr(seam.estimator, "_preprocessor", None),), ()):
            known[_ANY].update(value for value in values if isinstance(value, str))
        self._ask({name: known[name] | known[_ANY] for name in names})

    def answer(self, batch: pa.RecordBatch) -> Numbers | None:
        """The model's values for a batch; None where it has a value that needs a frame."""
        matrix = self._matrix(batch)
        return None if matrix is None else np.asarray(self._finish(matrix), np.float64)

    def differing(self, number: int) -> int:
        """How many of so many rows, their values drawn by chance, come to the trees otherwise than by a frame."""
        random = np.random.default_rng(_SEED)
        drawn = [way.probes.take(pa.array(random.integers(0, len(way.probes), number))) for way in self._ways]
        batch = self._batch(drawn)
        return self._differing(batch, self._by_frame(batch))

    def _differing(self, batch: pa.RecordBatch, expected: Numbers) -> int:
        got = self._matrix(batch)
        if got is None or got.shape != expected.shape or got.dtype != expected.dtype:
            return int(batch.num_rows)
        same = (bits(expected) == bits(got)) | (np.isnan(expected) & np.isnan(got))
        return int(np.count_nonzero(~same.all(axis=1)))

    def _matrix(self, batch: pa.RecordBatch) -> Numbers | None:
        matrix = np.tile(self._constant, (batch.num_rows, 1))
        with np.errstate(over="ignore"):
            for column, way in zip(self._columns, self._ways, strict=True):
                values = batch.column(column.name)
                # Frames within the model take texts for a type of their own, whose null is another; of nulls alone not.
                if column.dtype == "object" and values.null_count == len(values):
                    return None
                if not way.put(values, matrix):
                    return None
        return matrix if self._seam.domain.takes(matrix) else None

    def _by_frame(self, batch: pa.RecordBatch) -> Numbers:
        """What comes to the trees by the model's own way."""
        ask = getattr(self._estimator, "predict_proba", None) or self._estimator.predict
        with warnings.catch_warnings(), self._seam.recorded() as kept:
            warnings.simplefilter("ignore")  # some encoders warn of what is unknown
            ask(frames.frame(batch, self._columns))
        [matrix] = kept
        if not isinstance(matrix, np.ndarray):  # a sparse one
            raise NeedsFrameError
        return np.ascontiguousarray(matrix)

    def _batch(self, values: list[pa.Array]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(values, names=[column.name for column in self._columns])

    def _ask(self, known: Mapping[str, set[Any]]) -> None:
        for texts, numbers in ((True, True), (False, True), (False, False)):
            # An encoder may refuse what is missing or unknown, by an error of its own.
            with contextlib.suppress(Exception):
                return self._learn(known, texts, numbers)
        raise NeedsFrameError

    def _learn(self, known: Mapping[str, set[Any]], texts: bool, numbers: bool) -> None:
        """Learn what becomes of each column, from one frame.

        Its rows are as the first one, but for a value of one column; the last ones are drawn by chance.
        """
        odd = [texts if is_text(column) else numbers for column in self._columns]
        probes = [
            probes_of(column, known[column.name], odd=each)
            for column, each in zip(self._columns, odd, strict=True)
        ]
        random, ends = np.random.default_rng(_SEED), 1 + np.cumsum([len(each) for each in probes])
        asked, blocks = [], []
        for each, end in zip(probes, ends, strict=True):
            block = slice(end - len(each), end)
            places = np.zeros(ends[-1], np.int64)
            places[block] = np.arange(len(each))
            drawn = random.integers(0, len(each), _MIXED)
            asked.append(each.take(pa.array(np.concatenate([places, drawn]))))
            blocks.append(block)
        batch = self._batch(asked)
        matrix = self._by_frame(batch)
        self._constant = matrix[0]
        self._ways = [
            way_of(each, matrix[block], matrix[0], texts) for each, block in zip(probes, blocks, strict=True)
        ]
        # Codes that no value has changed are those of values that were not asked for, such as numbers.
        reached = np.concatenate([way.places for way in self._ways])
        if self._differing(batch, matrix) or not np.isin(self._seam.domain.trees.categories, reached).all():
            raise NeedsFrameError


def _finish_of(last: Any, seam: Seam) -> Callable[[Numbers], Any]:
    """What the last step says of rows as they come to its trees; of a booster it is its estimator's own method."""
    if last is seam.estimator:
        return seam.finish
    if type(last).__module__ in _ABOVE_BOOSTERS and last._Booster is seam.estimator:
        own: Callable[[Numbers], Any] = getattr(last, "predict_proba", None) or last.predict
        return own
    raise NeedsFrameError


def _steps(estimator: Any) -> list[Any]:
    return [step for _, step in estimator.steps] if _name(estimator) == "Pipeline" else [estimator]


def _name(step: Any) -> str:
    """The name of a class of scikit-learn's own; one that is derived from it may do anything."""
    return type(step).__name__ if type(step).__module__.startswith("sklearn.") else ""


def _is_by_columns(step: Any) -> bool:
    """Whether what a step makes of a value depends on nothing but the value and its column."""
    if step is None or step in ("passthrough", "drop"):
        return True
    match _name(step):
        case "Pipeline":
            return all(map(_is_by_columns, _steps(step)))
        case "ColumnTransformer":
            return all(_is_by_columns(inner) for _, inner, _ in step.transformers_)
        case "FunctionTransformer":  # what "passthrough" becomes
            return step.func is None
        case "SimpleImputer":  # which may take a number for what is missing
            return bool(pd.isna(step.missing_values))
        case name:
            return name in _ENCODERS


def _known(steps: Sequence[Any], names: Sequence[str]) -> Iterator[tuple[str, Collection[Any]]]:
    """The values that the encoders among steps know, by column; by `_ANY` where it is not certain by which.

    Args:
        steps: one after the other.
        names: the columns of what the first one gets; none where they are not certain.
    """
    for step in steps:
        names = getattr(step, "feature_names_in_", names)
        match _name(step):
            case "Pipeline":
                yield from _known(_steps(step), names)
            case "ColumnTransformer":
                for _, inner, _ in step.transformers_:
                    yield from _known((inner,), ())
            case name if name in _ENCODERS:
                certain = len(names) == len(step.categories_)
                yield from zip(names if certain else repeat(_ANY), step.categories_, strict=False)
        # An imputer that marks what is missing adds columns, and another may leave some out: then they are too few.
        if _name(step) != "SimpleImputer" or step.add_indicator:
            names = ()
