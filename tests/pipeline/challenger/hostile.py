"""A challenger that does whatever a file says, once it is asked for scores."""

import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from tests.home import Home, shop_model

GOLDEN = 10


class Told(ClassifierMixin, BaseEstimator):
    """Scores as the shop's model, unless its file has an expression, whose value it gives instead."""

    def __init__(self, path: str) -> None:
        self.path = path

    def fit(self, rows: Any, bought: Any) -> "Told":
        """Learn what the shop's model learns."""
        model, _ = shop_model()
        self.model_, self.classes_ = model.fit(rows, bought), model.classes_
        self.feature_names_in_ = np.array(rows.columns)
        return self

    def predict(self, rows: Any) -> Any:
        """The label that is more likely."""
        return self.model_.predict(rows)

    def predict_proba(self, rows: Any) -> Any:
        """Its model's probabilities, or the value of the file's expression."""
        names = {"rows": rows, "np": np, "os": os, "ctypes": ctypes, "time": time, "scribble": scribble}
        # Not on its golden rows, at which it is loaded.
        order = Path(self.path).read_text() if len(rows) > GOLDEN else "None"
        value = eval(order, names)
        return self.model_.predict_proba(rows) if value is None else value


def scribble() -> None:
    """Write into every descriptor that this process has."""
    for descriptor in range(1, 64):
        with suppress(OSError):
            os.write(descriptor, b"garbage " * 99)


def register(home: Home, path: Path) -> None:
    """Register it as the shop's challenger; its file is to be read by its process (SCORING_MODEL_READS)."""
    path.write_text("None")
    _, reference = shop_model()
    model = Told(str(path)).fit(reference.drop(columns="bought"), reference["bought"])
    home.model("shop", model, reference, outcome="bought", alias="challenger")
