"""Whether several threads may score with a model at once, and whether that is quicker.

A model that keeps something of the rows it scores gives one thread the other's scores. One that holds the interpreter
lock makes the threads take turns. Both are scored by one thread.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from operator import call
from threading import Barrier, get_ident
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pipeline.model.loaded_model import Model, Scores
from pipeline.runtime import resources
from pipeline.store.parts import ROWS_PER_GROUP

# Two threads have to score so many times at the same time, within so many tries: on a busy machine they take turns.
_TOGETHER, _ROUNDS = 4, 40

# The interpreter lock is watched while a model scores a batch as a run has them, or one that takes so many seconds
# or has so many values.
_SECONDS = 0.05
_VALUES = 4_000_000
# Microseconds for which this thread holds the lock at a time, and seconds after which another may have it. One that
# waits for it wakes after each such turn, which costs the processor: as often as 50 us, that looked like work on a busy
# machine, up to 8 % of the time.
_WATCH, _TURN = 100, 5e-4

# What two threads must not share is seen best when they take turns as often as can be.
_HASTE = 1e-6

# With a smaller share of its time without the lock, a model gains nothing by a second thread. A busy machine shows less
# of it than there is, so a small one is looked at again.
_GAIN, _MORE = 0.1, 2


@dataclass(frozen=True)
class Trial:
    """The result of trying a model.

    Attributes:
        concurrent: whether several threads score with it as one does, and in less time.
        seconds: of one processor that a row takes in a large batch.
    """

    concurrent: bool
    seconds: float


def trial(model: Model, frame: pd.DataFrame) -> Trial:
    """Try whether several threads may score with a model at once.

    Args:
        model: which has scored the frame before, so that what it makes once is made.
        frame: rows of the reference, with the model's columns.
    """
    batch, free, seconds = _watched(model, frame)
    concurrent = free >= _GAIN and _keeps_nothing(model, frame) and _scores_alike(model, batch)
    return Trial(concurrent, seconds)


def _keeps_nothing(model: Model, frame: pd.DataFrame) -> bool:
    """Whether scoring leaves the model as it was: no counter, no buffer, no last result."""
    try:
        before = joblib.hash(model.estimator)
        model.score(frame)
        return bool(before == joblib.hash(model.estimator))
    except Exception:  # noqa: BLE001 - what cannot be pickled keeps what nobody can see
        return False


def _scores_alike(model: Model, batch: pd.DataFrame) -> bool:
    """Whether two threads at once, with rows of their own, get the scores that each gets alone."""
    cut = 2 * len(batch) // 3  # of different sizes: a buffer that both share has one of them only
    halves = (batch.iloc[:cut], batch.iloc[cut:].reset_index(drop=True)) if cut else (batch, batch)
    alone = [model.score(half) for half in halves]
    spans, together = [(0.0, 0.0)] * 2, 0

    def count() -> None:
        nonlocal together
        (began, ended), (other_began, other_ended) = spans
        together += max(began, other_began) < min(ended, other_ended)

    barriers = start, end = Barrier(2), Barrier(2, count)

    def again(place: int) -> bool:
        try:
            for _ in range(_ROUNDS):
                start.wait()
                began = time.perf_counter()
                scores = model.score(halves[place])
                spans[place] = (began, time.perf_counter())
                if not _same(scores, alone[place]):
                    return False
                end.wait()
                if together == _TOGETHER:
                    return True
            return False
        finally:
            if together < _TOGETHER:  # the other thread need not wait any more
                for barrier in barriers:
                    barrier.abort()

    with _switches_every(_HASTE):
        try:
            return all(resources.in_order(again, range(2), 2))
        except Exception:  # noqa: BLE001 - it scored them alone, whatever it raises now
            return False


def _same(scores: Scores, expected: Scores) -> bool:
    pairs = (
        (scores.score, expected.score),
        (scores.label, expected.label),
        (scores.classes, expected.classes),
    )
    return all(
        ours is theirs is None or np.array_equal(np.asarray(ours), np.asarray(theirs))
        for ours, theirs in pairs
    )


def _watched(model: Model, frame: pd.DataFrame) -> tuple[pd.DataFrame, float, float]:
    """A large batch, the share of its time that a model computes without the interpreter lock, and seconds a row."""
    with ThreadPoolExecutor(1, initializer=resources.use_one_processor) as pool:
        clock = pool.submit(_clock).result()

        def watch(batch: pd.DataFrame) -> tuple[float, float]:
            began = time.clock_gettime(clock)
            free = _advance_beside(clock, pool.submit(model.score, batch))
            taken = time.clock_gettime(clock) - began
            return free / taken, taken

        for batch in _larger(frame):
            share, taken = watch(batch)
            if taken >= _SECONDS:
                break
        for _ in range(_MORE):
            if share < _GAIN:
                share, taken = watch(batch)
    return batch, share, taken / len(batch)


def _clock() -> int:
    """The clock of this thread's processor; where the system has none for others to read, the process's."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.pthread_getcpuclockid(get_ident())
    return time.CLOCK_PROCESS_CPUTIME_ID


def _larger(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The first rows of a frame, and all of them repeated four times as often each time, up to a run's batch."""
    limit = min(ROWS_PER_GROUP, max(1, _VALUES // len(frame.columns)))
    rows = min(len(frame), limit)
    yield frame.iloc[:rows]
    while rows < limit:
        rows = min(4 * rows, limit)
        yield frame.iloc[np.resize(np.arange(len(frame)), rows)].reset_index(drop=True)


def _advance_beside(clock: int, scoring: Future[Scores]) -> float:
    """Seconds by another thread's clock of its processor that pass while this thread holds the interpreter lock.

    These are seconds without the lock, on however busy a machine: this thread sleeps meanwhile, and one that waits for
    the lock takes no processor either.
    """
    usleep = ctypes.PyDLL(None).usleep  # of a library that is called with the lock held
    # In one call: between calls of its own this thread gives the lock to one that has waited.
    each: Callable[[Any, int], Any] = call
    calls, arguments = (time.clock_gettime, usleep, time.clock_gettime), (clock, _WATCH, clock)
    free = 0.0
    with _switches_every(_TURN):
        while not scoring.done():
            before, _, after = list(map(each, calls, arguments))
            free += after - before
    scoring.result()
    return free


@contextmanager
def _switches_every(seconds: float) -> Iterator[None]:
    """Have a thread that does not give the interpreter lock back by itself keep it so long."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
