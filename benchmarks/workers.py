"""What a process of its own costs a model, and an environment: a part of `python -m benchmarks.models`.

Each ratio is of two measurements in one run, taken in turns: rows by the sample's champion in this process and in a
worker. The scores have to be the same bytes.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.ground import ROOT, here
from pipeline.isolation import environments, uv
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import score_batch, scoring_threads
from pipeline.registration import surroundings
from pipeline.runtime import clock, resources
from pipeline.store.parts import ROWS_PER_GROUP

Figure = tuple[str, str]
Result = TypeVar("Result")


def champion() -> PinnedVersion:
    """The sample's champion."""
    return registry.resolve(ROOT, "flight_delay", "champion")


def start(pinned: PinnedVersion) -> Iterator[Figure]:
    """How long a first worker takes, and each one after it."""
    seconds, _ = _timed(lambda: registry.load(pinned))
    yield "a task's first worker, with its libraries and golden rows", f"{seconds:.2f} s"
    again = median(_timed(lambda: registry.load(pinned))[0] for _ in range(5))
    yield "each one after it", f"{again:.2f} s"


def overhead(pinned: PinnedVersion, rows: int, rounds: int) -> Iterator[Figure]:
    """Seconds by the clock and of the processor, in this process and in a worker."""
    batches = _batches(pinned, rows)
    models = {"here": here(pinned), "worker": registry.load(pinned)}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    digests = set()
    for _ in range(rounds):
        for name, model in models.items():
            began = clock.processor_seconds()
            seconds, scores = _timed(lambda model=model: _score(model, batches))  # type: ignore[misc]
            taken[name].append((seconds, clock.processor_seconds() - began))
            digests.add(scores)
    for place, what in enumerate(("by the clock", "of the processor")):
        own, worker = (median(each[place] for each in taken[name]) for name in models)
        yield (
            f"{rows:,} rows, seconds {what}",
            f"{own:.2f} here, {worker:.2f} in a worker: {worker / own:.2f} times",
        )
    yield "the same scores to the last bit", "yes" if len(digests) == 1 else "NO"
    yield "most memory of this process and its worker", f"{clock.Clock().cost().peak_mb:.0f} MB"


def _score(model: Model, batches: list[pa.RecordBatch]) -> bytes:
    threads = scoring_threads(model.manifest)
    scored = resources.in_order(lambda batch: score_batch(model, batch), batches, threads)
    return b"".join(each.column("score").to_numpy().tobytes() for each in scored)


def _batches(pinned: PinnedVersion, rows: int) -> list[pa.RecordBatch]:
    reference = pd.read_parquet(pinned.folder / "reference.parquet")
    repeated = reference.iloc[np.resize(np.arange(len(reference)), rows)].reset_index(drop=True)
    table = pa.Table.from_pandas(
        repeated.assign(entity_id="flight"), pinned.manifest.contract.schema, preserve_index=False
    )
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=ROWS_PER_GROUP)
    return batches


def environment(pinned: PinnedVersion) -> Iterator[Figure]:
    """How long uv takes for a lock, an environment, and the same environment again."""
    if uv.find() is None:
        yield "an environment", "uv is not there"
        return
    closure = surroundings.closure(pinned.manifest.libraries)
    seconds, lock = _timed(lambda: surroundings.lock(closure, "the champion"))
    yield f"a lock of {len(closure)} distributions", f"{seconds:.1f} s"
    with TemporaryDirectory() as folder:
        os.environ[environments.SETTING] = folder

        def make() -> Path:
            return environments.interpreter(lock or b"", surroundings.PYTHON, Path(folder), "the champion")

        yield "its environment, from what uv has kept", f"{_timed(make)[0]:.1f} s"
        yield "the same again", f"{_timed(make)[0]:.4f} s"


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done
