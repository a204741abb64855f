"""A model's own process: it shuts itself in, loads the model, and answers for each batch that comes.

Each channel has a thread of its own, and one batch at a time: the task has as many channels as threads may score.
"""

import contextlib
import socket
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import CLOCK_THREAD_CPUTIME_ID, clock_gettime
from typing import Any

import numpy as np

from pipeline.worker import estimators, protection, wire
from pipeline.worker.compiled.predictor import Predictor
from pipeline.worker.failures import Failure
from pipeline.worker.formats.native import Settings

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Column:
    """A column of the frame that the model takes."""

    name: str
    dtype: str
    categories: Sequence[str] | None
    ordered: bool


def run(order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Load a model and serve its channels until the task closes them.

    Args:
        order: `folder`, the process's own; `path`, folders with modules; `reads`, what may be read besides; `memory`,
            bytes at most; `predictor`, the path of a compiled one, or nothing; `task`, `labels` and `columns`, as the
            manifest has them.
        descriptors: where it writes what it prints, the artefact, and the channels.
    """
    output, artefact, *channels = descriptors
    held = protection.begin(order, output)
    sockets = [socket.socket(fileno=channel) for channel in channels]
    first = sockets[0]
    with open(artefact, "rb") as file:
        try:
            model = _Model.load(file, order)
        except BaseException as error:  # noqa: BLE001 - a pickle runs the model's own code
            wire.send(first, _failure(error))
            return
    wire.send(first, {"held": held, "refusal": model.refusal, **_cost(0.0)})
    threads = [threading.Thread(target=model.serve, args=(each,), daemon=True) for each in sockets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Model:
    def __init__(self, estimator: Any, order: Mapping[str, Any]) -> None:
        self._settings = _sklearn_config()
        regression, labels = order["task"] == "regression", order["labels"] == "predict"
        path = order["predictor"]
        columns = [Column(**column) for column in order["columns"]]
        self._predictor = Predictor(estimator, columns, path, regression=regression, labels=labels)

    @classmethod
    def load(cls, file: Any, order: Mapping[str, Any]) -> "_Model":
        estimator = estimators.read(file, Settings(**order["settings"]))
        _keep_quiet()
        return cls(estimator, order)

    def serve(self, channel: socket.socket) -> None:
        """Answer for each batch of a channel."""
        _begin(self._settings)
        with contextlib.suppress(wire.Closed):
            while True:
                asked, payload = wire.receive(channel)
                began = clock_gettime(CLOCK_THREAD_CPUTIME_ID)
                try:
                    header, values = self._answer(asked, payload)
                except BaseException as error:  # noqa: BLE001 - the model's own code may raise anything
                    header, values = _failure(error), memoryview(b"")
                del payload
                wire.send(
                    channel, {**header, **_cost(clock_gettime(CLOCK_THREAD_CPUTIME_ID) - began)}, values
                )
                del values

    @property
    def refusal(self) -> str:
        """Why the estimator scores, and not what is compiled; empty where that scores."""
        return self._predictor.refusal

    def _answer(self, asked: wire.Header, payload: memoryview) -> tuple[wire.Header, memoryview]:
        batch = wire.unpacked(payload)
        if "prove" in asked:
            return {"proof": asdict(self._predictor.prove(batch, asked["prove"]))}, memoryview(b"")
        answer = self._predictor.compare(batch) if "compare" in asked else self._predictor.answer(batch)
        header = {"shape": list(answer.values.shape), "labels": answer.labels is not None}
        header |= {"refusal": self.refusal} if "compare" in asked else {}
        values = np.ascontiguousarray(answer.values, "<f8").ravel()
        if answer.labels is None:
            return header, values.data
        labels = np.ascontiguousarray(answer.labels, "<i8")
        return header, memoryview(values.tobytes() + labels.tobytes())


def _failure(error: BaseException) -> wire.Header:
    return {"failure": Failure.of(error).message()}


def _cost(seconds: float) -> wire.Header:
    """Seconds of the processor, and the most bytes of memory that this process has held."""
    if not _STATUS.exists():
        return {"seconds": seconds, "peak": 0}
    peak = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return {"seconds": seconds, "peak": 1024 * int(peak.split()[1])}


def _sklearn_config() -> Mapping[str, Any]:
    """How scikit-learn is set in this thread: a module of a model's own may have set it in this one alone."""
    sklearn = sys.modules.get("sklearn")
    return sklearn.get_config() if sklearn else {}


def _begin(settings: Mapping[str, Any]) -> None:
    """Begin a thread: one processor for whatever the model computes with, and the settings of the one that loaded."""
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    if settings:
        sys.modules["sklearn"].set_config(**settings)


def _keep_quiet() -> None:
    """Of threads that meet while each sets Python's filters, scikit-learn says that its `delayed` was not used."""
    show = warnings.showwarning

    def show_others(message: Warning | str, *where: Any, **how: Any) -> None:
        if "`sklearn.utils.parallel.delayed`" not in str(message):
            show(message, *where, **how)

    warnings.showwarning = show_others
