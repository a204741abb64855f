"""Scores beside those that the model gives now, compared bit for bit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.runs.archive import ArchivedPart
from pipeline.store.schemas import SCORE_SCHEMA

# A sum in another order differs by less.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """A value that is not what the model gives now.

    Attributes:
        part: number of the part.
        entity_id: whose score it is.
        where: `scored part` or `database`.
        column: `score`, `label` or `class_scores`; `entity_id` where the whole row is on one side only.
        then: the value that was written.
        now: the value that the model gives now.
    """

    part: int
    entity_id: str
    where: str
    column: str
    then: Any
    now: Any


def between(part: int, where: str, then: pa.Table, now: pa.Table) -> Iterator[Difference]:
    """The values of a part that are not the same to the last bit, entity by entity."""
    place = pc.index_in(now[ENTITY], then[ENTITY].combine_chunks())
    missing = pc.is_null(place).combine_chunks()
    for row in now.filter(missing).to_pylist():
        yield Difference(part, row[ENTITY], where, ENTITY, None, row["score"])
    vanished = pc.invert(pc.is_in(then[ENTITY], now[ENTITY].combine_chunks()))
    for row in then.filter(vanished).to_pylist():
        yield Difference(part, row[ENTITY], where, ENTITY, row["score"], None)
    common = pc.invert(missing)
    now, then = now.filter(common), then.take(place.filter(common))
    for column in SCORE_SCHEMA.names[1:]:
        differs = pc.not_equal(bits(then[column]), bits(now[column]))
        for old, new in zip(then.filter(differs).to_pylist(), now.filter(differs).to_pylist(), strict=True):
            yield Difference(part, new[ENTITY], where, column, old[column], new[column])


def unexplained(every: list[Difference], part: ArchivedPart) -> list[Difference]:
    """The between of a part that are more than the last bits, which an erasure may have changed."""
    return [
        difference
        for difference in every
        if not (part.erased and is_rounding(difference.then, difference.now))
    ]


def is_rounding(then: Any, now: Any) -> bool:
    """Whether two scores differ in their last bits alone."""
    before, after = (value if isinstance(value, list) else [value] for value in (then, now))
    return len(before) == len(after) and all(
        isinstance(old, float) and isinstance(new, float) and math.isclose(old, new, rel_tol=ROUNDING)
        for old, new in zip(before, after, strict=True)
    )


def bits(values: pa.ChunkedArray) -> pa.Array:
    """A column as bytes, so that values are equal only where every bit is: 0.0 and -0.0 are not, null and null are."""
    array = values.combine_chunks()
    if pa.types.is_string(array.type):
        return pc.fill_null(array.cast(pa.binary()), b"\0")
    if pa.types.is_floating(array.type):
        return pa.array(array.to_numpy().view(np.int64))
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]) * 8
    floats = np.ascontiguousarray(array.flatten().to_numpy())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(floats)]
    return pa.Array.from_buffers(pa.large_binary(), len(array), buffers)
