"""What a worker is told and what it answers: an order and an artefact, and numbers of which nothing is believed."""

import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UsageError
from pipeline.isolation import deadlines
from pipeline.plain_text import visible
from pipeline.runtime import resources
from pipeline.worker import wire
from pipeline.worker.compiled.predictor import Proof
from pipeline.worker.estimators import Answer
from pipeline.worker.formats.native import Settings

MEMORY, SECONDS = "SCORING_MODEL_MEMORY", "SCORING_MODEL_SECONDS"
# What reading a message raises that no worker of ours has sent.
MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
# An answer may be wider than the model's classes are, so that it is said what is wrong with it.
_MOST_TEXT = 1000
_SPARE, _WIDER, _MOST_DIMENSIONS = 1 << 20, 64, 8
# A batch has 65,536 rows at most: whoever needs longer for one says so.
_SECONDS = 3600.0
_PREDICTOR = "predictor.so"


@dataclass(frozen=True)
class Order:
    """What a worker is to be.

    Attributes:
        label: the model's name and version, for messages.
        task: what the model predicts.
        labels: where its labels come from.
        columns: of the frame that it takes: name, dtype, categories and order.
        threads: how many batches it scores at once.
        python: the interpreter.
        path: folders with modules, before the interpreter's own.
        reads: files and folders that it may read besides.
        code: files of modules that come with the model, by path.
        settings: what opens the artefact.
        predictor: the compiled predictor, a shared library; empty where there is none.
    """

    label: str
    task: str
    labels: str
    columns: Sequence[Mapping[str, Any]]
    threads: int = 1
    python: Path = field(default_factory=lambda: Path(sys.executable))
    path: Sequence[str] = ()
    reads: Sequence[str] = ()
    code: Mapping[str, bytes] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    predictor: bytes = b""


def message(order: Order) -> wire.Header:
    """An order as its worker gets it, with a folder that the worker removes at its end."""
    around = surroundings(order.code, order.path, order.reads)
    predictor = Path(around["folder"]) / _PREDICTOR
    if order.predictor:
        predictor.write_bytes(order.predictor)
    return {
        **around,
        "predictor": str(predictor) if order.predictor else "",
        "task": order.task,
        "labels": order.labels,
        "settings": asdict(order.settings),
        "columns": [dict(column) for column in order.columns],
    }


def surroundings(code: Mapping[str, bytes], path: Sequence[str], reads: Sequence[str]) -> wire.Header:
    """What every process gets: a folder of its own with its own modules, and what it may read and take.

    Raises:
        UsageError: SCORING_MODEL_MEMORY is no positive number.
    """
    folder = Path(tempfile.mkdtemp(prefix="scoring-model-")).resolve()
    for name, content in code.items():
        file = folder / "code" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return {
        "folder": str(folder),
        "memory": int(_positive(MEMORY, 0) * 1e6) or resources.available_memory(),
        "path": [*([str(folder / "code")] if code else []), *path],
        "reads": list(reads),
    }


def most_bytes(order: Order, rows: int) -> int:
    """How many bytes an answer for so many rows may have; more would only fill the task's memory."""
    return _SPARE + rows * _WIDER * 8 * (len(order.settings.classes) + 2)


def answer(header: wire.Header, payload: memoryview) -> Answer:
    """The numbers of a message.

    Raises:
        MALFORMED: it holds others than it says, or none.
    """
    shape = tuple(header["shape"])
    if not all(isinstance(size, int) and size >= 0 for size in shape) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"scores of shape {str(shape)[:99]}")
    count = math.prod(shape)
    if 8 * count > len(payload) or (8 * count < len(payload) and header["labels"] is not True):
        raise ValueError(f"{len(payload)} bytes for scores of shape {str(shape)[:99]}")
    values = np.frombuffer(payload, "<f8", count).reshape(shape)
    return Answer(values, np.frombuffer(payload[8 * count :], "<i8") if header["labels"] is True else None)


def refusal(header: wire.Header) -> str:
    """Why a process's estimator scores by itself; empty where what is compiled scores.

    Raises:
        MALFORMED: it says nothing of it.
    """
    return visible(str(header["refusal"])[:_MOST_TEXT])


def proof(header: wire.Header) -> Proof:
    """What a process has found of its compiled predictor.

    Raises:
        MALFORMED: it says nothing of it.
    """
    figures = header["proof"]
    rows, wrong = int(figures["rows"]), int(figures["differing"])
    return Proof(rows, wrong, float(figures["own_seconds"]), float(figures["seconds"]))


def held(header: wire.Header) -> dict[str, bool]:
    """Which protections a process says that it has.

    Raises:
        MALFORMED: it says nothing of them.
    """
    return {str(name): value is True for name, value in header["held"].items()}


@contextlib.contextmanager
def as_file(content: bytes) -> Iterator[int]:
    """The descriptor of a file with these bytes, at its beginning; it has no name under which others could open it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("model")
    else:
        descriptor, name = tempfile.mkstemp()
        os.unlink(name)
    with os.fdopen(descriptor, "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def patience() -> float:
    """Seconds that a worker's answer is waited for.

    Raises:
        UsageError: SCORING_MODEL_SECONDS is no positive number.
    """
    return deadlines.bounded(_positive(SECONDS, _SECONDS))


def _positive(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0 or (text and not value):
        raise UsageError(f"{name}={text!r}: set it to a positive number, or leave the variable out.")
    return value
