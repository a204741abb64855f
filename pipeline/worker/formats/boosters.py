"""Boosters of LightGBM, XGBoost and CatBoost, from their own files, computing on the caller's thread."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd

from pipeline.worker.formats.native import FormatError, Native, Settings, Values, class_names, named, refused

_LIGHTGBM_VALUES = {
    *("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"),
    *("cross_entropy", "xentropy"),
}
_XGBOOST_VALUES = ("reg:", "count:poisson", "survival:")


class LightGBM(Native):
    """A model that `Booster.save_model` wrote."""

    def __init__(self, content: bytes, settings: Settings) -> None:
        import lightgbm

        text = content.decode()
        objective = re.search(r"^objective=(\w+)", text, re.MULTILINE)
        if not _is_whole(text) or objective is None:
            raise FormatError(
                "it is no text file of LightGBM's, is cut, or is of a loss of one's own. Write it with save_model."
            )
        self._booster = lightgbm.Booster(model_str=text)
        match objective[1]:
            case "binary":
                classes = class_names(settings.classes, 2)
            case "multiclass":
                classes = class_names(settings.classes, self._booster.num_model_per_iteration())
            case name if name in _LIGHTGBM_VALUES:
                classes = []
            case name:
                raise refused("LightGBM", name)
        super().__init__(classes, named(self._booster.feature_name(), "Column_{}"))

    def _values(self, frame: pd.DataFrame) -> Values:
        return np.asarray(self._booster.predict(frame, num_threads=1))


def _is_whole(text: str) -> bool:
    """Whether a text has as much of trees as it says: of less, LightGBM ends the whole process."""
    sizes = re.search(r"^tree_sizes=([\d ]*)$", text, re.MULTILINE)
    first, end = text.find("\nTree=0\n"), text.find("\nend of trees\n")
    if not text.startswith("tree\n") or sizes is None or end < first:
        return False
    return sum(map(int, sizes[1].split())) == len(text[first:end].encode())


class XGBoost(Native):
    """A model that `save_model` wrote, as JSON or UBJSON."""

    def __init__(self, content: bytes, settings: Settings) -> None:
        import xgboost

        self._booster = xgboost.Booster()
        self._booster.load_model(bytearray(content))
        self._booster.set_param({"nthread": 1})
        learner = json.loads(self._booster.save_config())["learner"]
        objective = learner["objective"]["name"]
        if objective == "binary:logistic":
            classes = class_names(settings.classes, 2)
        elif objective == "multi:softprob":
            classes = class_names(settings.classes, int(learner["learner_model_param"]["num_class"]))
        elif objective.startswith(_XGBOOST_VALUES):
            classes = []
        else:
            raise refused("XGBoost", objective)
        super().__init__(classes, self._booster.feature_names)

    def _values(self, frame: pd.DataFrame) -> Values:
        best = self._booster.attr("best_iteration")  # of early stopping, as its estimators predict
        rounds = (0, int(best) + 1) if best is not None else (0, 0)
        rows = frame if self.feature_names_in_ else frame.to_numpy()
        values: Values = self._booster.inplace_predict(rows, iteration_range=rounds)
        return values


class CatBoost(Native):
    """A model that `save_model` wrote in CatBoost's own format, which has the classes' labels."""

    def __init__(self, content: bytes, settings: Settings) -> None:
        import catboost

        plain = catboost.CatBoost()
        plain.load_model(blob=content)
        loss = str(plain.get_all_params().get("loss_function"))
        classifies = loss in ("Logloss", "CrossEntropy", "MultiClass")
        if not classifies and len(plain.classes_):
            raise refused("CatBoost", loss)
        self._model: Any = catboost.CatBoostClassifier() if classifies else catboost.CatBoostRegressor()
        self._model.load_model(blob=content)
        classes = [_label(value) for value in self._model.classes_] if classifies else []
        if settings.classes and list(settings.classes) != classes:
            raise FormatError(f"its classes are {', '.join(classes)}, as the file says. Leave --class out.")
        super().__init__(classes, named(self._model.feature_names_, "{}"))

    def _values(self, frame: pd.DataFrame) -> Values:
        ask = self._model.predict_proba if self.classes_ else self._model.predict
        values: Values = ask(frame, thread_count=1)
        return values


def _label(value: Any) -> str:
    return str(value).lower() if str(value) in ("True", "False") else str(value)
