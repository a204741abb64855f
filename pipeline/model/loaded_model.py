"""A loaded model scores a frame: one finite score a row, or an error with the rows that got none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """A batch's scores, one row a row of the batch.

    Attributes:
        score: float64 of shape (rows,): positive class's probability, the label's probability, or the value.
        label: the predicted classes' indices into the manifest's classes, shape (rows,); None for a regression.
        classes: float64 of shape (rows, classes); multiclass only.
    """

    score: Floats
    label: npt.NDArray[np.int64] | None
    classes: Floats | None


@dataclass(frozen=True)
class Model:
    """A verified, loaded model."""

    manifest: Manifest
    estimator: Any

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score a frame that has the trained columns.

        Raises:
            ModelError: the scores are not one finite number a row (and class), or no probabilities.
        """
        try:
            return self._score(frame)
        except SystemExit as error:
            # A command would else end as its model says: with 0, though nothing is published.
            raise RuntimeError(f"SystemExit: {error}") from error

    def _score(self, frame: pd.DataFrame) -> Scores:
        task = self.manifest.task
        raw = self.estimator.predict(frame) if task == "regression" else self.estimator.predict_proba(frame)
        values = np.asarray(raw, dtype=np.float64)
        expected = (len(frame),) if task == "regression" else (len(frame), len(self.manifest.classes))
        if task == "regression" and values.shape == (len(frame), 1):
            values = values[:, 0]  # trained on a column and not on a row of numbers
        if values.shape != expected:
            raise ModelError(
                f"model {self.manifest.label}: {len(frame)} rows got scores of shape {values.shape}, expected "
                f"{expected}. The model must take a table and give one prediction a row. Wrap a step that takes a "
                'single column of text in ColumnTransformer([("text", TfidfVectorizer(), "column")]); '
                "train one model for each outcome."
            )
        self._audit(values)
        if task == "regression":
            return Scores(values, None, None)
        labels = self._labels(frame, values)
        if task == "binary":
            return Scores(values[:, 1], labels, None)
        return Scores(values.max(axis=1), labels, values)

    def _labels(self, frame: pd.DataFrame, values: Floats) -> npt.NDArray[np.int64]:
        if self.manifest.labels == "predict":
            classes = np.asarray(self.estimator.classes_).tolist()
            indices = {value: index for index, value in enumerate(classes)}
            predicted = np.asarray(self.estimator.predict(frame)).tolist()
            return np.array([indices[value] for value in predicted], np.int64)
        if self.manifest.threshold is not None:
            return (values[:, 1] >= self.manifest.threshold).astype(np.int64)
        labels: npt.NDArray[np.int64] = values.argmax(axis=1)
        return labels

    def _audit(self, values: Floats) -> None:
        good = np.isfinite(values)
        if self.manifest.task != "regression":
            good &= (values >= 0) & (values <= 1)
        bad = np.flatnonzero(~good if good.ndim == 1 else ~good.all(axis=1))
        if len(bad):
            raise ScoreError(
                f"model {self.manifest.label}: {len(bad)} rows got no usable score", bad[:5], values[bad[:5]]
            )


class ScoreError(ModelError):
    """Rows whose scores are not finite, or are no probabilities."""

    def __init__(self, message: str, rows: npt.NDArray[np.int64], values: Floats) -> None:
        """Remember which rows of the batch are meant."""
        examples = str(values.tolist())
        super().__init__(
            f"{message}, for example {examples}. Correct the model or its input.", private=[examples]
        )
        self.rows = rows
