"""Which of a column's values break which rule of the contract.

Each rule is asked for in a way that costs little where nothing breaks it: the smallest and the largest value say so for
a whole column. A mask of the single values is made only then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import TOO_MANY_TIMES, Column

# 4713 BC in microseconds. Postgres knows no earlier time: its infinities, which the driver does not know, wrap
# around to some 290,000 years before.
_EARLIEST = -210_866_803_200_000_000
# DuckDB's infinity is the largest number of microseconds, and no time.
_LAST = 2**63 - 2


@dataclass(frozen=True)
class Limits:
    """What a column's values are compared with, in its own type.

    Attributes:
        low: the smallest number or first time of training; None where there is none.
        high: the largest number of training; None where there is none.
        latest: the last time that is no future one; None where any time may come.
        categories: those of training; None where it is no category.
        characters: as many as a text may have; None where any text may come.
    """

    low: float | None = None
    high: float | None = None
    latest: int | None = None
    categories: pa.Array | None = None
    characters: int | None = None

    @classmethod
    def of(cls, column: Column, day_end: datetime | None) -> Self:
        """The limits of a column, for a score date that ends then (in the job's time zone)."""
        first = pa.scalar(column.earliest).cast(column.arrow) if column.earliest else None
        future = day_end if "future" in column.rules else None
        return cls(
            low=column.minimum if first is None else first.value,
            high=column.maximum,
            latest=_instant(future, column) if future else None,
            categories=pa.array(column.categories, pa.string()) if column.categories is not None else None,
            characters=TOO_MANY_TIMES * column.longest if column.longest is not None else None,
        )


def infinite(values: pa.Array) -> pa.BooleanArray | None:
    """Infinite numbers and times; None where there is none."""
    if pa.types.is_floating(values.type):
        extremes = pc.min_max(values).as_py()
        beyond = float("inf") in (extremes["max"], -(extremes["min"] or 0.0))
        return _true(pc.is_inf(values)) if beyond else None
    if pa.types.is_timestamp(values.type) and values.type.unit == "us":
        return _outside(_numbers(values), _EARLIEST, _LAST)
    return None


def other_rules(values: pa.Array, limits: Limits) -> Iterator[tuple[str, pa.BooleanArray]]:
    """The rules that values break which the model could take, each with the values that break it."""
    if limits.categories is not None:
        known = pc.is_in(values, limits.categories)
        if _count(known) + values.null_count < len(values):
            yield "unknown_category", pc.and_not(pc.is_valid(values), known)
    numbers = _numbers(values)
    outside = _outside(numbers, limits.low, limits.high)
    if outside is not None:
        yield "out_of_range", outside
    future = _outside(numbers, None, limits.latest)
    if future is not None:
        yield "future", future
    # A text has no more characters than bytes, and those are known at once.
    if limits.characters is not None and (pc.max(pc.binary_length(values)).as_py() or 0) > limits.characters:
        yield "too_long", _true(pc.greater(pc.utf8_length(values), limits.characters))


def _numbers(values: pa.Array) -> pa.Array:
    return values.view(pa.int64()) if pa.types.is_timestamp(values.type) else values


def _outside(values: pa.Array, low: float | None, high: float | None) -> pa.BooleanArray | None:
    if (low is None and high is None) or values.null_count == len(values):
        return None
    # Compared by Python: Arrow would turn a large integer into a float beside a float.
    extremes = pc.min_max(values).as_py()
    masks = []
    if low is not None and extremes["min"] < low:
        masks.append(pc.less(values, pa.scalar(low, values.type)))
    if high is not None and extremes["max"] > high:
        masks.append(pc.greater(values, pa.scalar(high, values.type)))
    return _true(pc.or_(*masks) if len(masks) == 2 else masks[0]) if masks else None


def _instant(day_end: datetime, column: Column) -> int:
    """The end of the score date in the column's own numbers.

    A timestamp without a time zone is in UTC or in the job's own; it lies in the future where it does in both.
    """
    if column.kind == "timestamp":
        day_end = max(at.replace(tzinfo=UTC) for at in (day_end, day_end.astimezone(UTC)))
    return int(pa.scalar(day_end, pa.timestamp(column.arrow.unit, "UTC")).value)


def _true(mask: pa.BooleanArray) -> pa.BooleanArray:
    return pc.fill_null(mask, False) if mask.null_count else mask


def _count(mask: pa.BooleanArray) -> int:
    return int(pc.sum(mask).as_py() or 0)
