"""What is read off a trained estimator: its task, its classes and its features."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from pipeline.contract.contract import ENTITY, SCORE_DATE
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Task
from pipeline.worker.formats.native import Native

NOT_FEATURES = (ENTITY, SCORE_DATE)

# Classifiers whose `predict` is the class of the largest probability, in every row. Others decide in another way, such
# as by the sign of a distance, which may agree with the probabilities on all rows of a reference and on no others.
_LIKELIEST = {
    "sklearn": {
        *("LogisticRegression", "LogisticRegressionCV", "MLPClassifier", "GaussianNB", "BernoulliNB"),
        *("MultinomialNB", "ComplementNB", "CategoricalNB", "DecisionTreeClassifier", "ExtraTreeClassifier"),
        *("RandomForestClassifier", "ExtraTreesClassifier", "BaggingClassifier", "VotingClassifier"),
        *("GradientBoostingClassifier", "HistGradientBoostingClassifier", "CalibratedClassifierCV"),
    },
    "lightgbm": {"LGBMClassifier"},
    "xgboost": {"XGBClassifier"},
    "catboost": {"CatBoostClassifier"},
}


def task_and_classes(estimator: Any, artefact: Path) -> tuple[Task, tuple[str, ...]]:
    """What a trained estimator predicts, and the labels of its classes in the order of its probabilities.

    Raises:
        ModelError: it is no trained classifier with probabilities, and no regressor.
    """
    if isinstance(estimator, Native):
        if len(estimator.classes_) == 1:
            raise ModelError(
                f"{artefact}: the model has a single class. Train it on rows of at least two classes."
            )
        kinds: dict[int, Task] = {0: "regression", 2: "binary"}
        return kinds.get(len(estimator.classes_), "multiclass"), tuple(estimator.classes_)
    # What has no tags is no estimator, and asking it for its kind would only raise.
    tagged = hasattr(estimator, "__sklearn_tags__")
    if isinstance(estimator, type):
        raise ModelError(f"{artefact}: {estimator.__name__} is a class, and no trained estimator. Fit one.")
    if tagged and is_regressor(estimator):
        return "regression", ()
    if not tagged or not is_classifier(estimator):
        raise ModelError(
            f"{artefact}: {type(estimator).__name__} is neither a classifier nor a regressor of scikit-learn. "
            "Wrap it in a scikit-learn Pipeline."
        )
    if not hasattr(estimator, "predict_proba"):
        raise ModelError(
            f"{artefact}: {type(estimator).__name__} gives no probabilities. Wrap it in CalibratedClassifierCV."
        )
    values = getattr(estimator, "classes_", None)
    if values is None:
        raise ModelError(f"{artefact}: {type(estimator).__name__} is not trained. Fit it first.")
    if isinstance(values, list):
        raise ModelError(f"{artefact}: the model has {len(values)} outcomes. Train one model for each.")
    classes = tuple(label(value) for value in np.asarray(values).tolist())
    if len(classes) < 2:
        raise ModelError(
            f"{artefact}: the model was trained on a single class, {classes[0]!r}, and gives every row the same score. "
            "Train it on rows of at least two classes."
        )
    return ("binary" if len(classes) == 2 else "multiclass"), classes


def predicts_likeliest(estimator: Any) -> bool:
    """Whether a classifier is known to predict the class of the largest probability, whatever the row."""
    if isinstance(estimator, Native):
        return estimator.likeliest
    kind = type(estimator)
    library = kind.__module__.partition(".")[0]
    if library == "sklearn" and hasattr(estimator, "best_estimator_"):
        return predicts_likeliest(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return predicts_likeliest(estimator[-1])
    return kind.__name__ in _LIKELIEST.get(library, ())


def label(value: Any) -> str:
    """A class as the label that analysts read."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def features(
    estimator: Any, rows: pd.DataFrame, outcome: str | None, apart: Collection[str | None], reference: Path
) -> list[str]:
    """The columns of the reference that the model takes, in the trained order.

    Raises:
        ModelError: the outcome is missing, or among the features; or the model knows no names, and takes another number
            of columns than there are.
    """
    if outcome is not None and outcome not in rows.columns:
        raise ModelError(f"{reference}: no outcome column {outcome!r}. It has {', '.join(rows.columns)}.")
    trained = getattr(estimator, "feature_names_in_", None)
    # LightGBM writes a space in a name as an underscore, and takes the column under either name.
    written = {re.sub(r"\s", "_", name): name for name in rows.columns}
    taken = (
        [name if name in rows.columns else written.get(name, name) for name in map(str, trained)]
        if trained is not None
        else [name for name in rows.columns if name not in (*NOT_FEATURES, outcome, *apart)]
    )
    for name in (*NOT_FEATURES, outcome):
        if name in taken:
            raise ModelError(
                f"{reference}: the model was trained on {name!r}, which is no feature: no run has it, or it "
                "names the row. Train without it."
            )
    number = getattr(estimator, "n_features_in_", len(taken))
    if trained is None and number != len(taken):
        raise ModelError(
            f"{reference}: the model was trained on {number} columns without names, and the rows have {len(taken)} "
            f"that may be meant: {', '.join(taken)}. Train it on a DataFrame, whose columns have names."
        )
    return taken
