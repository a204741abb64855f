"""The compiled predictor of a version: it scores in the estimator's place for as long as it gives the same bits."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import CLOCK_THREAD_CPUTIME_ID, clock_gettime
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.worker import estimators, frames
from pipeline.worker.compiled import hurting
from pipeline.worker.compiled.direct import Direct
from pipeline.worker.compiled.library import Library
from pipeline.worker.compiled.seams import Seam, seam_of
from pipeline.worker.compiled.trees import NotCompiledError, Numbers
from pipeline.worker.estimators import Answer
from pipeline.worker.frames import Column

# Rows made to hurt that every load compares: a fraction of a second.
SAMPLE = 1024
# Of a model of another kind: no fault of anybody's.
NOTHING = "the model has no estimator that can be compiled"
# Rows of a batch by which both are timed, and how often.
BATCH, ROUNDS = 8192, 5


@dataclass(frozen=True)
class Proof:
    """What comparing a compiled predictor with its estimator has shown.

    Attributes:
        rows: how many were compared.
        differing: how many of them got other bits.
        own_seconds: of the processor that the estimator takes for a batch.
        seconds: that it takes with what is compiled.
    """

    rows: int
    differing: int
    own_seconds: float
    seconds: float


class Predictor:
    """The compiled methods of an estimator, and of those within it.

    Attributes:
        refusal: why the estimator scores by itself; empty while what is compiled scores.
    """

    def __init__(
        self, estimator: Any, columns: Sequence[Column], path: str, *, regression: bool, labels: bool
    ) -> None:
        """Load a library, and have it score where it gives the estimator's bits for a sample made to hurt.

        Args:
            estimator: as it was loaded.
            columns: those that it takes.
            path: of the library; empty where there is none.
            regression: whether it is asked for values, and not for probabilities.
            labels: whether it is asked for labels, too.
        """
        self._estimator, self._columns = estimator, columns
        self._regression, self._labels = regression, labels
        self._seams: list[Seam] = []
        self._direct: Direct | None = None
        self.refusal = "there is none"
        if path:
            try:
                library = Library(path)
                parts = estimators.parts(estimator)
                self._seams = [seam for part in parts if (seam := seam_of(part, library))]
                self.refusal = self._sampled()
            except NotCompiledError as error:
                self.refusal = f"{NOTHING}: {error}"
            except Exception as error:  # noqa: BLE001 - what scikit-learn keeps to itself may be otherwise in another version
                self.refusal = f"it cannot be used here: {type(error).__name__}: {str(error)[:300]}"
        self._use(not self.refusal)
        if not self.refusal:
            self._direct = self._without_frames()

    def answer(self, batch: pa.RecordBatch) -> Answer:
        """The answer for a batch; it runs the model's own code, which may raise anything."""
        if self._direct and (values := self._direct.answer(batch)) is not None:
            return Answer(values)
        return self._by_frame(batch)

    def compare(self, batch: pa.RecordBatch) -> Answer:
        """The estimator's answer for a batch; where the other has other bits, the estimator scores from now on."""
        if self.refusal:
            return self.answer(batch)
        got = self.answer(batch)
        self._use(False)
        expected = self._by_frame(batch)
        if number := differing(expected, got):
            self.refusal = f"{number} of {batch.num_rows} golden rows get other bits than by the estimator"
            self._direct = None
        self._use(not self.refusal)
        return expected

    def prove(self, batch: pa.RecordBatch, rows: int) -> Proof:
        """Compare with the estimator on a batch, and on so many rows made to hurt for each compiled method."""
        self._use(False)
        expected = self._by_frame(batch)
        self._use(True)
        got = self.answer(batch)
        hurt = [self._hurt(seam, rows) for seam in self._seams]
        if self._direct:
            hurt.append((rows, self._direct.differing(rows)))
        count, wrong = batch.num_rows + sum(many for many, _ in hurt), sum(number for _, number in hurt)
        wrong += differing(expected, self._by_frame(batch))  # some batches may need a frame
        return Proof(count, differing(expected, got) + wrong, *self._timed(batch))

    def _timed(self, batch: pa.RecordBatch) -> tuple[float, float]:
        """Median seconds of the processor for rows of a batch: the estimator's, and with what is compiled.

        They take turns, so that a machine which is busy at times is so for both.
        """
        rows = batch.take(pa.array(np.resize(np.arange(batch.num_rows), BATCH)))
        taken: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(ROUNDS):
            for compiled, seconds in taken.items():
                self._use(compiled)
                began = clock_gettime(CLOCK_THREAD_CPUTIME_ID)
                (self.answer if compiled else self._by_frame)(rows)
                seconds.append(clock_gettime(CLOCK_THREAD_CPUTIME_ID) - began)
        return median(taken[False]), median(taken[True])

    def _by_frame(self, batch: pa.RecordBatch) -> Answer:
        frame = frames.frame(batch, self._columns)
        return estimators.answer(self._estimator, frame, regression=self._regression, labels=self._labels)

    def _without_frames(self) -> Direct | None:
        """What answers without a frame, where the model allows it."""
        [seam, *others] = self._seams
        if others or self._labels or self._regression == hasattr(seam.estimator, "classes_"):
            return None
        with contextlib.suppress(Exception):
            return Direct(self._estimator, seam, self._columns)
        return None

    def _sampled(self) -> str:
        if not self._seams:
            return NOTHING
        for seam in self._seams:
            rows, number = self._hurt(seam, SAMPLE)
            if number:
                kind = type(seam.estimator).__name__
                return f"{number} of {rows} rows made to hurt get other bits than by {kind}"
        return ""

    def _hurt(self, seam: Seam, rows: int) -> tuple[int, int]:
        """How many rows were compared, and how many get other bits."""
        count = wrong = 0
        for batch in hurting.rows(seam.domain, rows):
            count += len(batch)
            wrong += _differing(seam.ask(seam.own, batch), seam.ask(seam.compiled, batch))
        return count, wrong

    def _use(self, compiled: bool) -> None:
        for seam in self._seams:
            seam.use(compiled)


def differing(expected: Answer, got: Answer) -> int:
    """How many rows of two answers are not the same, to the last bit."""
    if expected.labels is not None and not np.array_equal(expected.labels, np.asarray(got.labels)):
        return len(expected.labels)
    return _differing(expected.values, got.values)


def _differing(expected: Numbers, got: Numbers) -> int:
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return len(expected)
    bits = f"u{expected.itemsize}"
    unequal = np.ascontiguousarray(expected).view(bits) != np.ascontiguousarray(got).view(bits)
    return int(unequal.reshape(len(expected), -1).any(axis=1).sum())
