"""A contract checker that is slow and obviously right: row by row, value by value, in plain Python.

Times are integers here, of microseconds since 1970, or of nanoseconds where training had those.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipeline.contract.contract import Column

DEFAULTS = {
    "type": "reject",
    "null": "reject",
    "finite": "reject",
    "unknown_category": "warn",
    "out_of_range": "warn",
    "too_long": "warn",
    "future": "reject",
}
WHOLE = {"int64": 64, "Int64": 64, "int8": 8}
POSTGRES_BEGINS = -210_866_803_200_000_000
Said = dict[str, Any]
Row = tuple[Any, ...]


@dataclass
class Found:
    """What a checker says of some rows.

    Attributes:
        rejected: number of the row, column, rule and value of every rule that rejects one.
        accepted: the rows that may be scored.
        counts: by column and rule.
    """

    rejected: list[tuple[int, str, str, Any]] = field(default_factory=list)
    accepted: list[list[Any]] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)


def check(columns: tuple[Column, ...], said: Said, rows: list[Row], latest: dict[str, int]) -> Found:
    """Hold rows (the entity first) against columns; `latest` says when the night ends, by kind."""
    result = Found(counts={column.name: Counter() for column in columns})
    for number, (entity, *values) in enumerate(rows):
        reasons: list[tuple[int, str, str, Any]] = []
        if entity is None:
            reasons.append((number, "entity_id", "null", None))
        elif "\0" in entity:
            reasons.append((number, "entity_id", "type", entity))
        taken = [entity]
        for value, column in zip(values, columns, strict=True):
            kept, broken = judge(value, column, said, latest)
            taken.append(kept)
            for rule in broken:
                if action(column, rule, said) != "ignore":
                    result.counts[column.name][rule] += 1
                if action(column, rule, said) == "reject":
                    reasons.append((number, column.name, rule, value))
        if reasons:
            result.rejected += reasons
        else:
            result.accepted.append(taken)
    return result


def judge(value: Any, column: Column, said: Said, latest: dict[str, int]) -> tuple[Any, set[str]]:
    """One value as the model takes it, and the rules that it breaks."""
    taken, exact = read(value, column)
    if not exact:
        return None, {"type"}
    if taken is None:
        return None, {"null"}
    broken = set()
    if infinite(taken, column):
        broken.add("finite")
        if action(column, "finite", said) != "reject":
            return None, broken
    if column.categories is not None and taken not in column.categories:
        broken.add("unknown_category")
    if (
        column.minimum is not None
        and column.maximum is not None
        and not column.minimum <= taken <= column.maximum
    ):
        broken.add("out_of_range")
    if column.longest is not None and len(taken) > 10 * column.longest:
        broken.add("too_long")
    if column.kind in ("timestamp", "instant"):
        times = 1000 if "[ns" in column.dtype else 1
        if column.earliest is not None and taken < 0:  # the tests' training begins in 1970
            broken.add("out_of_range")
        if not column.planned and taken > latest[column.kind] * times:
            broken.add("future")
    return taken, broken


def read(value: Any, column: Column) -> tuple[Any, bool]:
    """One value as the model takes it, and whether it has an exact form."""
    whole = isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
    if isinstance(value, str) and column.kind != "text":
        try:
            value = Decimal(value)
        except ArithmeticError:
            return None, False
    if value is None:
        return None, True
    if column.kind == "integer":
        bits = WHOLE[column.dtype]
        whole = value == value and not math.isinf(value) and value == int(value)
        return (
            (int(value), True) if whole and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else (None, False)
        )
    if column.kind == "number":
        if whole and abs(value) > 2**53:
            return None, False
        return (None, True) if value != value else (float(value), True)  # NaN is pandas' missing number
    if "[ns" in column.dtype:
        return (value * 1000, True) if -(2**63) <= value * 1000 < 2**63 else (None, False)
    return value, True


def infinite(taken: Any, column: Column) -> bool:
    """Whether a value is an infinite number, or a time before Postgres's own, which is its infinity."""
    if column.kind == "number":
        return math.isinf(taken)
    if column.kind in ("timestamp", "instant"):
        return "[us" in column.dtype and taken < POSTGRES_BEGINS
    return False


def action(column: Column, rule: str, said: Said) -> str:
    """What becomes of a value that breaks a rule."""
    missing = column.nullable or column.accepts_missing
    if rule == "null" and not missing:
        return "reject"
    if rule in ("type", "finite") and action(column, "null", said) == "reject":
        return "reject"
    if rule == "unknown_category" and not column.accepts_unknown:
        return "reject"
    return wanted(column, rule, said)


def wanted(column: Column, rule: str, said: Said) -> str:
    """What the job says of a rule in a column, or the default."""
    own, wide = said["columns"].get(column.name, {}).get(rule), said.get(rule)
    default = "warn" if rule == "null" and column.nullable else DEFAULTS[rule]
    return str(own or wide or default)


def impossible(columns: tuple[Column, ...], said: Said) -> bool:
    """Whether the job loosens for one column by name what the model cannot take there."""
    return any(
        action(column, rule, said) != wanted(column, rule, said)
        for column in columns
        for rule in said["columns"].get(column.name, {})
    )
