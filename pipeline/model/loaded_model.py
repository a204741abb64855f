"""A loaded model scores a frame: one finite score a row, or an error with the rows that got none."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.isolation import places
from pipeline.isolation.messages import Order
from pipeline.isolation.workers import Worker
from pipeline.model.artifact import ModelError, unloadable
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.runtime import resources
from pipeline.worker import estimators
from pipeline.worker.estimators import Answer
from pipeline.worker.failures import EstimatorError

# Each has a descriptor, of which a worker is handed 250 at most.
_MOST_THREADS = 200

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


@dataclass(frozen=True)
class RemoteModel(Model):
    """A verified model, loaded in a process of its own; its estimator is the worker that asks it."""

    estimator: Worker

    @property
    def held(self) -> Mapping[str, bool]:
        """Which protections hold for its process on this machine."""
        return self.estimator.held

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score a frame that has the trained columns.

        Raises:
            ModelError: as for a model in this process.
        """
        schema = self.manifest.contract.schema.remove(0)
        return self.score_batch(pa.RecordBatch.from_pandas(frame, schema, preserve_index=False))

    def score_batch(self, batch: pa.RecordBatch) -> Scores:
        """Score a part's batch.

        Raises:
            ModelError: as for a model in this process.
        """
        names = [column.name for column in self.manifest.columns]
        return self._scores(self.estimator.answer(batch.select(names)), batch.num_rows)


def open_model(pinned: PinnedVersion, content: bytes, python: Path, code: Mapping[str, bytes]) -> RemoteModel:
    """Load a verified artefact in a process of its own.

    Args:
        pinned: the version.
        content: the bytes of its artefact.
        python: the interpreter of the process.
        code: files of modules that the version brings along, by path.

    Raises:
        ModelError: they cannot be loaded.
        WorkerError: the process cannot be started, or has ended.
        MemoryError: there is too little of it.
    """
    manifest = pinned.manifest
    columns = [
        {
            "name": column.name,
            "dtype": column.dtype,
            "categories": column.categories,
            "ordered": column.ordered,
        }
        for column in manifest.columns
    ]
    order = Order(
        label=manifest.label,
        task=manifest.task,
        labels=manifest.labels,
        columns=columns,
        threads=min(resources.share(), _MOST_THREADS) if manifest.concurrent else 1,
        python=python,
        path=places.module_folders(python),
        reads=places.readable(manifest.modules),
        code=code,
        settings=manifest.settings,
    )
    try:
        return RemoteModel(manifest, Worker(order, content))
    except EstimatorError as error:
        raise unloadable(error.failure, str(pinned.folder)) from None


class ScoreError(ModelError):
    """Rows whose scores are not finite, or are no probabilities."""

    def __init__(self, message: str, rows: npt.NDArray[np.int64], values: Floats) -> None:
        """Remember which rows of the batch are meant."""
        examples = str(values.tolist())
        super().__init__(
            f"{message}, for example {examples}. Correct the model or its input.", private=[examples]
        )
        self.rows = rows
