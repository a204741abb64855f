"""Whether several threads may score with a model at once, and whether that is quicker: found by trying.

A model that keeps something of the rows it scores gives one thread the other's scores. One that holds the interpreter
lock makes the threads take turns. Both are scored by one thread.
"""

import ctypes
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, get_ident

import joblib
import numpy as np
import pandas as pd

from pipeline import machine
from pipeline.model import Model, Scores
from pipeline.parts import ROWS_PER_GROUP

# Each of two threads scores its rows so many times beside the other.
_TIMES = 5
_ROWS = 10_000

# The interpreter lock is watched while a model scores a batch as a night has them, or one that takes so many seconds
# or has so many values.
_SECONDS = 0.05
_VALUES = 4_000_000
# Microseconds for which the lock is held at a time, and seconds for which it is not.
_WATCH = 200
_PAUSE = 2e-5

# What two threads must not share is seen best when they take turns as often as can be; the lock, when they never do
# unless they give it back.
_HASTE, _NEVER = 1e-6, 100.0

# With a smaller share of its time without the lock, a model gains less than a quarter by a second thread.
_GAIN = 0.25


def concurrent(model: Model, frame: pd.DataFrame) -> bool:
    """Whether several threads score with a model as one does, and in less time.

    Args:
        model: which has scored the frame before, so that what it makes once is made.
        frame: rows of the reference, with the model's columns.
    """
    return _keeps_nothing(model, frame) and _scores_alike(model, frame) and _lock_free(model, frame) >= _GAIN


def _keeps_nothing(model: Model, frame: pd.DataFrame) -> bool:
    """Whether scoring leaves the model as it was: no counter, no buffer, no last result."""
    try:
        before = joblib.hash(model.estimator)
        model.score(frame)
        return bool(before == joblib.hash(model.estimator))
    except Exception:  # noqa: BLE001 - what cannot be pickled keeps what nobody can see
        return False


def _scores_alike(model: Model, frame: pd.DataFrame) -> bool:
    """Whether two threads at once, with rows of their own, get the scores that each gets alone."""
    rows = frame.iloc[:_ROWS]
    cut = 2 * len(rows) // 3  # of different sizes: a buffer that both share has one of them only
    halves = (rows.iloc[:cut], rows.iloc[cut:].reset_index(drop=True)) if cut else (rows, rows)
    alone = [model.score(half) for half in halves]
    start = Barrier(len(halves))

    def again(half_and_scores: tuple[pd.DataFrame, Scores]) -> bool:
        half, expected = half_and_scores
        start.wait()
        return all(_same(model.score(half), expected) for _ in range(_TIMES))

    with _switches_every(_HASTE):
        try:
            return all(machine.in_order(again, zip(halves, alone, strict=True), len(halves)))
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


def _lock_free(model: Model, frame: pd.DataFrame) -> float:
    """The share of its time that a model computes without the interpreter lock."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 1.0
    with ThreadPoolExecutor(1, initializer=machine.use_one_processor) as pool:
        clock = time.pthread_getcpuclockid(pool.submit(get_ident).result())
        for batch in _larger(frame):
            began = time.clock_gettime(clock)
            free = _advance_beside(clock, pool.submit(model.score, batch))
            taken = time.clock_gettime(clock) - began
            if taken >= _SECONDS:
                break
    return free / taken


def _larger(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The first rows of a frame, and all of them repeated four times as often each time, up to a night's batch."""
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
    free, usleep = 0.0, ctypes.PyDLL(None).usleep
    with _switches_every(_NEVER):
        while not scoring.done():
            before = time.clock_gettime(clock)
            usleep(_WATCH)  # of a library that is called with the lock held
            free += time.clock_gettime(clock) - before
            time.sleep(_PAUSE)  # without the lock: whoever waits for it takes it
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
