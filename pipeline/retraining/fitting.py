"""What runs in the training process: the folds' models, the candidate itself, and what registration says of it.

Nothing of it touches a database or a network. What it returns is files: the candidate's, and the out-of-fold scores.
"""

import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.contract import ENTITY, SCORE_DATE
from pipeline.model.artifact import open_estimator
from pipeline.model.loaded_model import Floats
from pipeline.registration import register, source, surroundings
from pipeline.registration.estimator import features, task_and_classes
from pipeline.registration.register import Registration
from pipeline.retraining import folds
from pipeline.retraining.team_code import RetrainingError, Train, load
from pipeline.worker import estimators

MANIFEST, SCORES, CODE = "manifest.json", "scores.parquet", "carried"
OUT_OF_FOLD = "out_of_fold"
# As many rows say what the columns hold.
REFERENCE_ROWS = 10_000
_SEED = 0
_ARTEFACT, _REFERENCE, _DATES = Path("model.joblib"), Path("reference.parquet"), Path("dates.parquet")


def fit(settings: Mapping[str, Any], file: BinaryIO) -> dict[str, bytes]:
    """Train on all folds but one, for each, then on all rows; returns the candidate's files and its scores.

    Args:
        settings: `model`, `function`, `outcome`, `folds`; `threshold` and `planned`, as the champion has them;
            `floats`, columns that it takes as floats; `first` and `last`, the window.
        file: the training rows, Parquet.

    Raises:
        RetrainingError: the team's function failed, or gave what cannot be used.
        ModelError, ContractError: as registration raises them.
    """
    rows, whole = _read(file, settings)
    folder = Path.cwd() / "code"
    train, outcome = load(settings["function"], folder), settings["outcome"]
    fold = folds.of(rows[SCORE_DATE], settings["folds"])
    estimator = train(whole.copy())
    _, classes = task_and_classes(estimator, _ARTEFACT)
    values = _out_of_fold(train, rows, whole, fold, outcome, classes)
    joblib.dump(estimator, _ARTEFACT, compress=3)
    _sample(rows, whole, outcome).drop(columns=ENTITY).to_parquet(_REFERENCE, compression="zstd")
    score = values if values.ndim == 1 else values[:, 1] if values.shape[1] == 2 else values.max(axis=1)
    rows.drop(columns=ENTITY).assign(**{OUT_OF_FOLD: score}).to_parquet(_DATES)
    carried = _needs(folder)
    registration = Registration(
        settings["model"],
        _ARTEFACT,
        _REFERENCE,
        outcome=outcome,
        planned=[name for name in settings["planned"] if name in rows.columns],
        threshold=settings["threshold"],
        training_window=(date.fromisoformat(settings["first"]), date.fromisoformat(settings["last"])),
        nights=_DATES,
        night_column=SCORE_DATE,
        score_column=OUT_OF_FOLD,
        code=folder if carried else None,
    )
    manifest, files, _ = register.prepare(registration, source.own_modules(registration.code))
    table = pa.table({str(place): column for place, column in enumerate(np.atleast_2d(values.T))})
    scores = io.BytesIO()
    pq.write_table(table, scores)
    beside = {CODE: b"1" if carried else b"", SCORES: scores.getvalue()}
    # Of this process's libraries, which may be others than those of whoever has it trained.
    manifest = manifest.model_copy(update={"environment": surroundings.closure(manifest.libraries)})
    return {**files, **beside, MANIFEST: manifest.model_dump_json().encode()}


def _read(file: BinaryIO, settings: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows, and those with an outcome, which is of the type that the query gives where none is missing."""
    schema, outcome = pq.read_schema(file), settings["outcome"]
    file.seek(0)
    rows = pd.read_parquet(file)
    for name in settings["floats"]:
        if name in rows.columns and pd.api.types.is_integer_dtype(rows[name]):
            rows[name] = rows[name].astype("float64")
    whole = rows[rows[outcome].notna()].reset_index(drop=True)
    kind = schema.field(outcome).type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        whole[outcome] = whole[outcome].astype("int64" if pa.types.is_integer(kind) else "bool")
    return rows, whole


def _out_of_fold(
    train: Train,
    rows: pd.DataFrame,
    whole: pd.DataFrame,
    fold: np.ndarray[Any, np.dtype[np.int64]],
    outcome: str,
    classes: tuple[str, ...],
) -> Floats:
    """What models that have not seen a row's date say of it: of shape (rows, classes), or (rows,) of values."""
    dates = {number: set(rows.loc[fold == number, SCORE_DATE]) for number in np.unique(fold)}
    values = np.empty((len(rows), max(len(classes), 1)))
    for number, tested in dates.items():
        estimator = train(whole[~whole[SCORE_DATE].isin(tested)].reset_index(drop=True))
        _, theirs = task_and_classes(estimator, _ARTEFACT)
        if theirs != classes:
            raise RetrainingError(
                f"a model of all folds but one has the classes {', '.join(theirs)}, and one of all rows "
                f"{', '.join(classes)}. Train on more score dates: raise training.window_days."
            )
        estimators.use_one_thread(estimator)
        frame = rows.loc[fold == number, _taken(estimator, rows, outcome)]
        answer = estimators.answer(estimator, frame, regression=not classes, labels=False).values
        values[fold == number] = answer.reshape(len(frame), -1)
    return values if classes else values[:, 0]


def _taken(estimator: Any, rows: pd.DataFrame, outcome: str) -> list[str]:
    """The columns that an estimator takes, all of which the training rows have."""
    names = features(estimator, rows, outcome, (), _REFERENCE)
    if missing := [name for name in names if name not in rows.columns]:
        raise RetrainingError(
            f"the estimator takes {', '.join(missing)}, which the training rows do not have. No run has them: "
            "give them in the query, or have the estimator make them, as a Pipeline does."
        )
    return names


def _sample(rows: pd.DataFrame, whole: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Rows with an outcome, spread over the dates; and for each feature with gaps a row that has one."""
    chosen = set(whole.sample(min(len(whole), REFERENCE_ROWS), random_state=_SEED).index)
    others = set()
    for name in rows.columns.drop(outcome):
        if (gaps := whole[name].isna().to_numpy()).any():
            chosen.add(int(gaps.argmax()))
        elif (gaps := rows[name].isna().to_numpy()).any():
            others.add(int(gaps.argmax()))
    reference = whole.loc[sorted(chosen)]
    return pd.concat([reference, rows.loc[sorted(others)]]) if others else reference


def _needs(folder: Path) -> bool:
    """Whether the artefact is made of the team's own modules, which a version then brings along."""
    registration_settings = Registration("model", _ARTEFACT, _REFERENCE).settings
    _, modules = open_estimator(_ARTEFACT.read_bytes(), str(_ARTEFACT), registration_settings)
    own = surroundings.names([path.name for path in folder.iterdir()])
    return bool({module.partition(".")[0] for module in modules} & own)
