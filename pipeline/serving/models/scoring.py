"""Rows of one request or of many: each gets its score, or the reason why the model gave it none."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.contract.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.isolation.forkers import WorkerError
from pipeline.model import failing
from pipeline.model.failing import COLUMN, RULE
from pipeline.model.loaded_model import Model
from pipeline.model.scoring import PredictError, score_once

# Of one row: what the model gave it, by the names of `predictions`; or the rules that it broke.
Line = dict[str, Any]

Result = TypeVar("Result")
# Stops before each call of the model, so that others have their turn.
Turns = Generator[None, None, Result]

# Calls of the model for what it has failed on once: a dozen bad rows among a thousand are found by so many.
MOST_CALLS = 256
_NO_SCORE = "the model gave no usable score"
_UNTRIED = "not tried: the model fails on too many rows that came with it. Send fewer at a time."


class UnusableError(Exception):
    """Answers of a model that no run could use, whatever the rows."""


def score(model: Model, batch: pa.RecordBatch) -> list[Line]:
    """Score rows in one call of the model.

    Args:
        model: the model.
        batch: rows that the contract accepts.

    Raises:
        WorkerError: the model's process has ended, or does not answer.
        MemoryError: there is too little of it.
        UnusableError: the model's answers are none that a run could use.
        Exception: the model fails on these rows; its own code may raise anything.
    """
    if not batch.num_rows:
        return []
    try:
        lines: list[Line] = score_once(model, batch).drop_columns([ENTITY]).to_pylist()
    except (WorkerError, PredictError):
        raise
    except ScoringError as error:
        raise UnusableError(str(error)) from error
    return lines


class Search:
    """Looks for the rows that a model fails on, within a number of its calls."""

    def __init__(self, score: Callable[[pa.RecordBatch], list[Line]], calls: int = MOST_CALLS) -> None:
        """Begin with all of them.

        Args:
            score: scores rows in one call.
            calls: how many of these there may be.
        """
        self._score, self.left = score, calls

    def rows(self, batch: pa.RecordBatch, error: Exception, *, keep_values: bool) -> Turns[list[Line]]:
        """The answers to rows on which the model has failed: it harms those alone that it fails on by themselves.

        Args:
            batch: rows that the contract accepts.
            error: what the model raised.
            keep_values: whether the text of what it raises is shown, which may hold values.

        Raises:
            WorkerError, MemoryError, UnusableError: as for `score`.
        """
        lines: dict[int, Line] = {}
        places = np.arange(batch.num_rows)
        while len(places):
            before = len(lines)
            yield from self._halve(batch.take(pa.array(places)), places, error, lines, keep_values)
            if len(lines) == before:  # taken together alone: each by itself
                for place in places.tolist():
                    lines[place] = yield from self._single(batch.slice(place, 1), keep_values)
                break
            places = np.array([place for place in places.tolist() if place not in lines], np.int64)
            # In one call again: so the others' scores are those that a batch without the failing rows gets.
            scored = yield from self.attempt(batch.take(pa.array(places)))
            if not isinstance(scored, Exception):
                lines |= dict(zip(places.tolist(), scored, strict=True))
                break
            error = scored
        return [lines[place] for place in range(batch.num_rows)]

    def attempt(self, batch: pa.RecordBatch) -> Turns[list[Line] | Exception]:
        """The answers to rows in one call; or what the model raises.

        Raises:
            WorkerError, MemoryError, UnusableError: as for `score`.
        """
        yield
        self.left -= 1
        try:
            return self._score(batch)
        except (WorkerError, MemoryError, UnusableError):
            raise
        except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
            return error

    def _halve(
        self,
        batch: pa.RecordBatch,
        places: Any,
        error: Exception,
        lines: dict[int, Line],
        keep_values: bool,
    ) -> Turns[None]:
        """Enter the rows that fail by themselves, and those that could not be tried any more."""
        spans = [(0, batch.num_rows, error)]
        while spans:
            first, last, raised = spans.pop()
            if last - first == 1:
                lines[int(places[first])] = _failed(batch.slice(first, 1), raised, keep_values)
            elif self.left < 2:
                lines |= {int(place): rejected(_UNTRIED) for place in places[first:last]}
            else:
                half = (first + last) // 2
                for begin, end in ((half, last), (first, half)):
                    scored = yield from self.attempt(batch.slice(begin, end - begin))
                    if isinstance(scored, Exception):
                        spans.append((begin, end, scored))

    def _single(self, row: pa.RecordBatch, keep_values: bool) -> Turns[Line]:
        if self.left < 1:
            return rejected(_UNTRIED)
        scored = yield from self.attempt(row)
        return _failed(row, scored, keep_values) if isinstance(scored, Exception) else scored[0]


def _failed(row: pa.RecordBatch, error: Exception, keep_values: bool) -> Line:
    failure = failing.failure_of(row, error)
    if failure.output:
        return rejected(_NO_SCORE)
    [line] = failing.reasons([failure], 0, keep_values=keep_values).to_pylist()
    return rejected(line["value"])


def rejected(value: str) -> Line:
    """The answer to a row that the model itself gave no score."""
    return {"rejected": [{"column_name": COLUMN, "rule": RULE, "value": value}]}


def settle(answer: "asyncio.Future[Any]", result: Any) -> None:
    """Give a result, or raise an error, to whoever still waits; in the loop's thread."""
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
