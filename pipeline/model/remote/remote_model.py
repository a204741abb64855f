"""A verified model in a process of its own, with a compiled predictor where it has one that may score."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.errors import ScoringError
from pipeline.isolation import places
from pipeline.isolation.messages import Order
from pipeline.isolation.workers import Worker
from pipeline.model.artifact import ModelError, unloadable
from pipeline.model.golden import check_golden_rows, golden_batch
from pipeline.model.loaded_model import Model, Scores
from pipeline.model.manifest import PinnedVersion
from pipeline.runtime import resources
from pipeline.worker.compiled.predictor import Proof
from pipeline.worker.failures import EstimatorError

log = logging.getLogger(__name__)

# Each has a descriptor, of which a worker is handed 250 at most.
_MOST_THREADS = 200


@dataclass(frozen=True)
class RemoteModel(Model):
    """A verified model, loaded in a process of its own; its estimator is the worker that asks it."""

    estimator: Worker
    # Why there is no compiled predictor to begin with; else its worker says.
    lacking: str = ""

    @property
    def compiled(self) -> bool:
        """Whether a compiled predictor scores, and not the estimator; the bits are the same."""
        return not self.refusal

    @property
    def refusal(self) -> str:
        """Why the estimator scores by itself; empty where a compiled predictor does."""
        return self.lacking or self.estimator.refusal

    @property
    def held(self) -> Mapping[str, bool]:
        """Which protections hold for its process on this machine."""
        return self.estimator.held

    @property
    def scored_by(self) -> str:
        """What scores, for people; and why, where that is the estimator."""
        return f"the estimator ({self.refusal})" if self.refusal else "the compiled predictor"

    def compare_golden_rows(self) -> None:
        """Have the estimator score from now on where golden rows get other bits by what is compiled, and warn of it.

        It also warns where the version has a compiled predictor that is missing, altered, or of another platform.
        """
        manifest = self.manifest
        if self.compiled:
            self.estimator.compare(golden_batch(manifest.contract, manifest.golden_rows))
        if manifest.predictors and self.refusal:
            log.warning("model %s is scored by %s", manifest.label, self.scored_by)

    def prove(self, frame: pd.DataFrame, rows: int) -> Proof:
        """Compare the compiled predictor with the estimator on a frame, and on so many rows made to hurt.

        Raises:
            ModelError: the model fails on a row.
        """
        try:
            return self.estimator.prove(self._batch(frame), rows)
        except EstimatorError as error:
            raise ModelError(f"{error.failure.kind}: {error.failure.text}") from None

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score a frame that has the trained columns.

        Raises:
            ModelError: as for a model in this process.
        """
        return self.score_batch(self._batch(frame))

    def score_batch(self, batch: pa.RecordBatch) -> Scores:
        """Score a part's batch.

        Raises:
            ModelError: as for a model in this process.
        """
        names = [column.name for column in self.manifest.columns]
        return self._scores(self.estimator.answer(batch.select(names)), batch.num_rows)

    def _batch(self, frame: pd.DataFrame) -> pa.RecordBatch:
        schema = self.manifest.contract.schema.remove(0)
        return pa.RecordBatch.from_pandas(frame, schema, preserve_index=False)


def open_model(
    pinned: PinnedVersion,
    content: bytes,
    python: Path,
    code: Mapping[str, bytes],
    predictor: bytes | str = "",
) -> RemoteModel:
    """Load a verified artefact in a process of its own.

    Args:
        pinned: the version.
        content: the bytes of its artefact.
        python: the interpreter of the process.
        code: files of modules that the version brings along, by path.
        predictor: the compiled predictor, whose bytes are trusted, too; or why there is none.

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
        predictor=predictor if isinstance(predictor, bytes) else b"",
    )
    try:
        return RemoteModel(manifest, Worker(order, content), predictor if isinstance(predictor, str) else "")
    except EstimatorError as error:
        raise unloadable(error.failure, str(pinned.folder)) from None


def open_checked(
    pinned: PinnedVersion,
    content: bytes,
    python: Path,
    code: Mapping[str, bytes],
    predictor: bytes | str,
) -> RemoteModel:
    """The same once golden rows get their scores; where with a compiled predictor they do not, by the estimator alone.

    Raises:
        ModelError: it cannot be loaded, or a row does not get its recorded score.
        WorkerError: the process cannot be started, or has ended.
        MemoryError: there is too little of it.
    """
    try:
        model = open_model(pinned, content, python, code, predictor)
        check_golden_rows(model)
    except ScoringError as error:
        if isinstance(predictor, str):
            raise
        # Where the estimator is to blame, the same comes of it alone.
        return open_checked(pinned, content, python, code, f"with it the model cannot be used: {error}")
    return model
