"""A loaded model scores a frame: one finite score a row, or an error with the rows that got none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest
from pipeline.worker import estimators
from pipeline.worker.estimators import Answer

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
    """A loaded model whose estimator is in this process, as while it is registered."""

    manifest: Manifest
    estimator: Any

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score a frame that has the trained columns.

        Raises:
            ModelError: the scores are not one finite number a row (and class), or no probabilities.
        """
        regression, labels = self.manifest.task == "regression", self.manifest.labels == "predict"
        try:
            answer = estimators.answer(self.estimator, frame, regression=regression, labels=labels)
        except SystemExit as error:  # by which a command would end as its model says: with 0
            raise RuntimeError(f"SystemExit: {error}") from error
        return self._scores(answer, len(frame))

    @property
    def compiled(self) -> bool:
        """Whether a compiled predictor scores, and not the estimator; the bits are the same."""
        return False

    def score_batch(self, batch: pa.RecordBatch) -> Scores:
        """Score a part's batch.

        Raises:
            ModelError: as for `score`.
        """
        return self.score(self.manifest.contract.frame(batch))

    def _scores(self, answer: Answer, rows: int) -> Scores:
        """An answer as scores, of which nothing is believed."""
        task, values = self.manifest.task, answer.values
        expected = (rows,) if task == "regression" else (rows, len(self.manifest.classes))
        if task == "regression" and values.shape == (rows, 1):
            values = values[:, 0]  # trained on a column and not on a row of numbers
        if values.shape != expected:
            raise ModelError(
                f"model {self.manifest.label}: {rows} rows got scores of shape {values.shape}, expected "
                f"{expected}. The model must take a table and give one prediction a row. Wrap a step that takes a "
                'single column of text in ColumnTransformer([("text", TfidfVectorizer(), "column")]); '
                "train one model for each outcome."
            )
        self._audit(values)
        if task == "regression":
            return Scores(values, None, None)
        labels = self._labels(values, answer.labels)
        if task == "binary":
            return Scores(values[:, 1], labels, None)
        return Scores(values.max(axis=1), labels, values)

    def _labels(self, values: Floats, predicted: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        if self.manifest.labels == "predict":
            if predicted is None or predicted.shape != (len(values),) or not self._are_classes(predicted):
                raise ModelError(
                    f"model {self.manifest.label}: its own `predict` gives no class for each row. Correct the model."
                )
            return predicted
        if self.manifest.threshold is not None:
            return (values[:, 1] >= self.manifest.threshold).astype(np.int64)
        labels: npt.NDArray[np.int64] = values.argmax(axis=1)
        return labels

    def _are_classes(self, labels: npt.NDArray[np.int64]) -> bool:
        return bool(((labels >= 0) & (labels < len(self.manifest.classes))).all())

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
