"""Rows on which a model itself raises: found by halving the batch until what fails is one row.

With `contract.model_error = "reject"` such rows are rejected, and the others scored. An exception's text comes from a
model: it is cut, and shown without a control character, and without what looks like a credential.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

import pyarrow as pa

from pipeline.config.job import Job
from pipeline.contract.batch_result import MAX_VALUE_LENGTH, REJECTED
from pipeline.contract.contract import ENTITY
from pipeline.errors import ScoringError
from pipeline.model.loaded_model import Model
from pipeline.plain_text import visible
from pipeline.worker.failures import kind_of

# What such a row names for the column and the rule that it broke: no value of one column did.
COLUMN, RULE = "(model)", "model_error"

# However much the gate lets pass: a model that raises on more than half of the rows is broken, and not its rows.
_MOST = 0.5
# And however large a part is: each costs some thirty calls of the model.
MOST_ROWS = 10_000
# A password in an address, and what is named as one.
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/]*(?=@)")
_NAMED = re.compile(
    r"(?i)\b(\w*(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key))\b(['\"]?\s*[=:]\s*)\S+"
)


@dataclass(frozen=True)
class Failure:
    """A row on which a model fails.

    Attributes:
        place: of the row in its batch, from 0.
        entity: whose row it is.
        kind: type of the exception.
        text: its text, for a person to read.
        output: whether the model gave a score, which is no number.
    """

    place: int
    entity: str
    kind: str
    text: str
    output: bool


@dataclass(frozen=True)
class Tolerance:
    """How many rows of a part a model may fail on.

    Attributes:
        rows: so many; work on what fails is bounded by it.
        keep_values: whether the reasons show the exception's text, which may hold values of the row.
    """

    rows: int
    keep_values: bool = True

    @classmethod
    def of(cls, job: Job, rows: int) -> Self | None:
        """What a job says of a part of so many rows; None where the run is to fail.

        The share is the gate's, and one row at least: a short part may have a bad row, too, and the gate counts all.
        """
        if job.contract.model_error == "fail":
            return None
        share = min(job.gate.max_rejected_fraction, _MOST)
        return cls(min(MOST_ROWS, max(1, ceil(round(share * rows, 6)))), job.contract.keep_values)


def find(loaded: Model, batch: pa.RecordBatch, error: Exception, place: int = 0) -> Iterator[Failure]:
    """Find the rows on which a model fails: twice the logarithm of the rows in calls for each.

    Args:
        loaded: the model.
        batch: rows on which it has failed, taken together.
        error: what it raised.
        place: of the first of them.
    """
    if batch.num_rows == 1:
        yield failure_of(batch, error, place)
        return
    half = batch.num_rows // 2
    for first, rows in ((0, batch.slice(0, half)), (half, batch.slice(half))):
        try:
            loaded.score_batch(rows)
        except MemoryError:
            raise
        except Exception as raised:  # noqa: BLE001 - the model's own code may raise anything
            yield from find(loaded, rows, raised, place + first)


def failure_of(row: pa.RecordBatch, error: Exception, place: int = 0) -> Failure:
    """The failure of a single row.

    Args:
        row: a batch that has no other.
        error: what the model raised on it.
        place: of the row among others.
    """
    entity = row.column(ENTITY)[0].as_py()
    return Failure(place, entity, visible(kind_of(error)), text_of(error), isinstance(error, ScoringError))


def reasons(failures: Sequence[Failure], first: int, *, keep_values: bool) -> pa.RecordBatch:
    """Failures as rejected rows (schema `REJECTED`), their numbers counted from a part's first row.

    Args:
        failures: of one batch.
        first: number of the batch's first row.
        keep_values: whether the exceptions' texts are shown; their types are, always.
    """
    texts = [f"{each.kind}: {each.text}" if keep_values and each.text else each.kind for each in failures]
    rows = len(failures)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([first + each.place for each in failures], pa.int64()),
            pa.array([each.entity for each in failures], pa.string()),
            pa.array([COLUMN] * rows, pa.string()),
            pa.array([RULE] * rows, pa.string()),
            pa.array([text[:MAX_VALUE_LENGTH] for text in texts], pa.string()),
        ],
        schema=REJECTED,
    )


def text_of(error: Exception) -> str:
    """What an exception says, cut, on one line, and without what looks like a credential."""
    try:
        text = str(error)[: 10 * MAX_VALUE_LENGTH]
    except Exception:  # noqa: BLE001 - a model's exceptions are its own code, too
        return ""
    text = _NAMED.sub(r"\1\2[hidden]", _IN_ADDRESS.sub("[hidden]", text))
    return visible(" ".join(text.split()))[:MAX_VALUE_LENGTH]
