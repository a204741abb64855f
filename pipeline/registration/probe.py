"""Try a model: whether it scores its own reference twice alike, and which values it takes besides."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract.contract import Column, Contract
from pipeline.errors import ScoringError
from pipeline.model.artifact import ModelError
from pipeline.model.golden import golden_frame, golden_scores
from pipeline.model.loaded_model import Model, Scores
from pipeline.model.manifest import Manifest
from pipeline.registration import threads
from pipeline.registration.estimator import label, predicts_likeliest

UNKNOWN_TEXT = "a text that training never saw"

# Of more columns than these so many say whether any of them may be tried with another value.
_FEW = 16

# Probabilities are rounded; what is off by more than this is none.
_ROUNDING = 1e-6


def probe(model: Model, rows: pd.DataFrame, artefact: Path) -> Manifest:
    """Score the reference, and complete the manifest with what that shows.

    Args:
        model: the model with its manifest so far.
        rows: the reference.
        artefact: the model's file, for error messages.

    Returns:
        the manifest with the golden rows' scores, the way to labels, what each column may hold, whether several
        threads may score at once, and the seconds that a row takes.

    Raises:
        ModelError: the model fails on the reference, scores it otherwise a second time, predicts several labels a row,
            or tells None from NaN, which its reference cannot.
    """
    manifest = model.manifest
    frame = rows[[column.name for column in manifest.columns]]
    try:
        recorded = golden_scores(model, manifest.golden_rows)
        scores = model.score(frame)
        again = model.score(frame)
        predicted = np.asarray(model.estimator.predict(frame))
    except ScoringError:
        raise
    except Exception as error:  # the model's own code may raise anything
        raise ModelError(
            f"{artefact}: the model cannot score rows of the reference: {type(error).__name__}: {error}. "
            "Write the reference with the columns and dtypes that the model was trained on."
        ) from error
    _require_same(scores, again, artefact)
    if manifest.task != "regression":
        _require_one_label(predicted, scores, artefact)
        manifest = manifest.model_copy(update={"labels": _labels(model, scores, predicted, artefact)})
    _require_known_nulls(model, frame, artefact)
    columns = tuple(
        replace(column, accepts_unknown=unknown, accepts_missing=missing)
        for column, unknown, missing in zip(
            manifest.columns, _takes_unknown(model), _takes_missing(model), strict=True
        )
    )
    golden = tuple(tuple(row) if isinstance(row, list) else row for row in recorded.tolist())
    trial = threads.trial(model, frame)
    tried = {"concurrent": trial.concurrent, "score_seconds": trial.seconds}
    return manifest.model_copy(update={"columns": columns, "golden_scores": golden, **tried})


def _require_same(scores: Scores, again: Scores, artefact: Path) -> None:
    for first, second in ((scores.score, again.score), (scores.classes, again.classes)):
        if first is not None and second is not None and not np.array_equal(first, second):
            rows = int((first != second).reshape(len(first), -1).any(axis=1).sum())
            raise ModelError(
                f"{artefact}: the model scores {rows} of {len(first)} rows of its reference otherwise when it is asked "
                "again. A run could not be reproduced. Take the chance out of its prediction."
            )


def _require_one_label(predicted: npt.NDArray[Any], scores: Scores, artefact: Path) -> None:
    if predicted.ndim != 1:
        raise ModelError(
            f"{artefact}: the model predicts {predicted.shape[1]} labels a row (multi-label). Train one model for each "
            "label, and register each under a name of its own."
        )
    sums = np.ones(1) if scores.classes is None else scores.classes.sum(axis=1)
    if np.abs(sums - 1).max() > _ROUNDING:
        raise ModelError(
            f"{artefact}: the probabilities of a row's classes sum to {sums[np.abs(sums - 1).argmax()]:.6g}, and not "
            "to 1. Wrap the model in CalibratedClassifierCV, or train one model for each label."
        )


def _labels(model: Model, scores: Scores, predicted: npt.NDArray[Any], artefact: Path) -> str:
    """`scores` where the labels that follow from the scores are always the model's own; else `predict`."""
    manifest = model.manifest
    if manifest.threshold is not None:
        return "scores"
    ours = np.asarray(manifest.classes)[scores.label]
    theirs = np.asarray([label(value) for value in predicted.tolist()])
    if unknown := sorted(set(theirs) - set(manifest.classes)):
        raise ModelError(
            f"{artefact}: the model predicts {str(unknown[0])!r}, which is none of its classes, "
            f"{', '.join(manifest.classes)}. Have its `predict` return values of `classes_`; of a file without labels, "
            "name them with --class."
        )
    return "scores" if predicts_likeliest(model.estimator) and np.array_equal(ours, theirs) else "predict"


def _require_known_nulls(model: Model, frame: pd.DataFrame, artefact: Path) -> None:
    """Parquet has one null for None and NaN, and some encoders tell them apart."""
    for column in model.manifest.columns:
        missing = frame[column.name].isna()
        if column.dtype != "object" or not missing.any():
            continue
        rows = frame[missing]
        other = rows.assign(**{column.name: pd.Series(np.nan, index=rows.index, dtype=object)})
        try:
            same = np.array_equal(model.score(rows).score, model.score(other).score)
        except Exception:  # noqa: BLE001 - a model that takes only one of them tells them apart
            same = False
        if not same:
            raise ModelError(
                f"{artefact}: in column {column.name!r} the model tells None from NaN, and a Parquet file does not say "
                "which of them training saw. Give the missing ones a name of their own (fillna) in training and in "
                f'the query, or train on frame[{column.name!r}].astype("str"); and register the model again.'
            )


def _takes_missing(model: Model) -> list[bool]:
    """For each column whether the model scores a row that has nothing there."""
    columns = model.manifest.columns
    can = [not _holds_no_null(column) for column in columns]
    taken = _tried(model, [(column, None) for column, able in zip(columns, can, strict=True) if able])
    return [able and next(taken) for able in can]


def _takes_unknown(model: Model) -> list[bool]:
    """For each column whether the model scores a row with a text there that training never saw."""
    columns = model.manifest.columns
    taken = _tried(model, [(column, UNKNOWN_TEXT) for column in columns if column.categories is not None])
    return [column.categories is None or next(taken) for column in columns]


def _tried(model: Model, cases: Sequence[tuple[Column, str | None]]) -> Iterator[bool]:
    """Whether the model scores its first golden row with one value exchanged, for each of these exchanges."""
    contract, base = model.manifest.contract, model.manifest.golden_rows[0]
    usual = golden_frame(contract, [base])
    # All the exchanged values at once: a frame of a thousand columns takes its time.
    exchanged = Contract(tuple(column for column, _ in cases))
    others = golden_frame(exchanged, [{column.name: value for column, value in cases}]) if cases else usual

    def takes(indices: Sequence[int]) -> bool:
        names = [cases[index][0].name for index in indices]
        return _scores(model, usual.assign(**{name: others[name] for name in names}))

    taken: set[int] = set()
    groups = [range(len(cases))] if cases else []
    while groups:
        group = groups.pop()
        if takes(group):
            taken.update(group)
        elif len(group) > 1 and _some(takes, group):
            groups += [group[: len(group) // 2], group[len(group) // 2 :]]
    return iter([index in taken for index in range(len(cases))])


def _some(takes: Callable[[Sequence[int]], bool], group: Sequence[int]) -> bool:
    """Whether the model takes any of a group, as far as a few of them show."""
    if len(group) <= _FEW:
        return True
    return any(takes([group[number * len(group) // _FEW]]) for number in range(_FEW))


def _scores(model: Model, frame: pd.DataFrame) -> bool:
    try:
        model.score(frame)
    except Exception:  # noqa: BLE001 - whatever the model raises, the answer is no
        return False
    return True


def _holds_no_null(column: Column) -> bool:
    """Whether the trained dtype has no missing value at all."""
    dtype = pd.api.types.pandas_dtype(column.dtype)
    return isinstance(dtype, np.dtype) and dtype.kind in "iub"
