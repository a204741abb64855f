"""Rows of Arrow become rows of JSON, exactly: what a part has, and what a warehouse has sent."""

import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.coerce import storage
from pipeline.contract.contract import ENTITY, Contract

# 9999-12-31 and 0001-01-01 in microseconds: beyond them are databases' infinities, and no text that is read.
_LAST, _FIRST = 253_402_300_799_999_999, -62_135_596_800_000_000
_PER_MICROSECOND = {"s": 1e-6, "ms": 1e-3, "us": 1, "ns": 1000}
# A number of JSON that no float holds: read back, it is infinite.
_BEYOND = "1e999"


def rows(batch: pa.RecordBatch, contract: Contract) -> list[str]:
    """Each row of a batch as a JSON object of its entity and the contract's columns."""
    names = [ENTITY, *(column.name for column in contract.columns)]
    columns = [_values(batch.column(name)) for name in names]
    keys = [json.dumps(name) for name in names]
    return [
        "{" + ",".join(f"{key}:{value}" for key, value in zip(keys, row, strict=True)) + "}"
        for row in zip(*columns, strict=True)
    ]


def _values(sent: pa.Array) -> Iterable[str]:
    """A column's values as texts of JSON."""
    stored = storage(sent)
    if isinstance(sent, pa.ExtensionArray) and getattr(sent.type, "type_name", "") == "numeric":
        return [_digits(value) for value in stored.to_pylist()]
    if pa.types.is_timestamp(stored.type):
        return _times(stored)
    if stored.type == pa.float32():
        # By their digits, as the contract reads a database's `real`.
        stored = pc.cast(stored, pa.string())
        return [_digits(value) for value in stored.to_pylist()]
    if pa.types.is_string(stored.type) or pa.types.is_large_string(stored.type):
        contents = pc.cast(stored, pa.large_binary()).to_pylist()
        return [
            json.dumps(None if each is None else each.decode("utf-8", "surrogateescape")) for each in contents
        ]
    return [_text(value) for value in stored.to_pylist()]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Decimal):
        return _digits(str(value))
    return json.dumps(value, default=str)


def _number(value: float) -> str:
    """A float: the fewest digits that tell it from all others; NaN is a missing value, as in training."""
    if math.isnan(value):
        return "null"
    return json.dumps(value) if math.isfinite(value) else _signed(value < 0)


def _digits(text: str | None) -> str:
    """A number that arrives as text."""
    if text is None or text.lower() == "nan":
        return "null"
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        return _signed(text.startswith("-"))
    return text.removeprefix("+")


def _signed(negative: bool) -> str:
    return f"-{_BEYOND}" if negative else _BEYOND


def _times(stored: pa.Array) -> list[str]:
    factor = _PER_MICROSECOND[stored.type.unit]
    numbers = stored.view(pa.int64()).to_pylist()
    inside = [number is None or _FIRST * factor <= number <= _LAST * factor for number in numbers]
    texts = pc.cast(
        pc.if_else(pa.array(inside), stored, pa.scalar(None, stored.type)), pa.string()
    ).to_pylist()
    return [
        json.dumps(text if within else ("infinity" if number > 0 else "-infinity"))
        for text, within, number in zip(texts, inside, numbers, strict=True)
    ]
