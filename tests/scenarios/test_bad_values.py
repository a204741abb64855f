"""Hundreds of odd values as a real Postgres sends them: each reaches the model exactly, or is rejected by its rule."""

import math
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from tests.scenarios.test_sources import on_sqlite

NIGHT_END = datetime(2024, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Rejected:
    """The rule by which a value is rejected."""

    rule: str


TYPE, NULL, FINITE, FUTURE = (Rejected(rule) for rule in ("type", "null", "finite", "future"))
Cells = dict[str, Any]

EDGES = [
    sign * 2**power + step for power in (7, 8, 15, 24, 31, 53) for sign in (1, -1) for step in (-1, 0, 1)
]
WHOLE = [0, 1, -1, *EDGES, 2**63 - 1, -(2**63)]


def integer(dtype: str) -> Column:
    """A column of integers without a null."""
    return Column("x", "integer", dtype, nullable=False)


def number(dtype: str) -> Column:
    """A column of floats without a null."""
    return Column("x", "number", dtype, nullable=False)


def integers(column: Column, kind: str) -> Cells:
    """Integers of a type of Postgres's, for a column."""
    cells: Cells = {f"NULL::{kind}": NULL}
    for value in WHOLE:
        if column.kind == "integer":
            limits = np.iinfo(column.dtype.lower())
            fits = limits.min <= value <= limits.max
            cells[f"({value})::{kind}"] = value if fits else TYPE
        else:
            whole = 2**53 if column.dtype == "float64" else 2**24
            cells[f"({value})::{kind}"] = float(value) if abs(value) <= whole else TYPE
    return cells


def rounded(value: Any, column: Column) -> Any:
    """The nearest float of a column's type; beyond its largest, an infinite one."""
    nearest = float(value)
    if column.dtype == "float64":
        return FINITE if math.isinf(nearest) else nearest
    with np.errstate(over="ignore"):
        single = float(np.float32(nearest))
    return FINITE if math.isinf(single) else single


def decimals(column: Column) -> Cells:
    """Decimals for a column."""
    cells: Cells = {"'NaN'::numeric": TYPE if column.kind == "integer" else NULL, "NULL::numeric": NULL}
    cells |= {
        f"'{sign}Infinity'::numeric": TYPE if column.kind == "integer" else FINITE for sign in ("", "-")
    }
    for text in ("12.00", "-3.0", "0.000", "1e3"):
        cells[f"{text}::numeric"] = int(float(text)) if column.kind == "integer" else float(text)
    for text in (
        "0.1",
        "12.5",
        "1e-30",
        "1e30",
        "1e400",
        "-1e400",
        "0.30000000000000004",
        "9007199254740993.5",
    ):
        if column.kind == "number":  # a fraction is rounded to the nearest float, and a whole number is not
            taken = rounded(Decimal(text), column)
            large = isinstance(taken, float) and taken > 2**53 and "." not in text
            cells[f"{text}::numeric"] = TYPE if large else taken
        else:
            cells[f"{text}::numeric"] = TYPE
    return cells


def floats(column: Column) -> Cells:
    """Floats for a column."""
    cells: Cells = {"'NaN'::float8": NULL, "'Infinity'::float8": FINITE, "'-Infinity'::float8": FINITE}
    for text in ("-0", "0", "5e-324", "-5e-324", "1e-310", "1e-45", "1.7976931348623157e308", "-1e300", "0.1", "1e22",
                 "16777217", "9007199254740993"):  # fmt: skip
        cells[f"'{text}'::float8"] = rounded(text, column)
    return cells


TEXTS = [
    *("", " ", "\t", "\n", "NULL", "null", "NaN", "n/a", "WEB", "web ", "\\", "\\x00", '"', "%s", "{{ ds }}"),
    *("🛩", "👩‍👩‍👧", "שלום", "e\u0301", "é", "\u200b", "\u202eabc", "\ufeffa", "\U0010ffff"),
    *("'; DROP TABLE t; --", "x" * 100_000),
]


def texts(column: Column) -> Cells:
    """Texts for a column."""
    known = column.categories is None or column.accepts_unknown
    cells: Cells = {"NULL::text": NULL}
    for text in TEXTS:
        quoted = text.replace("'", "''")
        cells[f"'{quoted}'::text"] = text if known else Rejected("unknown_category")
    return cells


TIMES = ["0001-01-01", "1677-09-21 00:12:43", "1677-09-22", "1900-01-01", "1969-12-31 23:59:59.999999", "1970-01-01",
         "2000-02-29", "2023-11-05 01:30:00", "2024-02-29 23:59:59.999999", "2024-03-02", "2024-03-02 00:00:00.000001",
         "2024-03-10 02:30:00", "2262-04-11", "2262-04-12", "9999-12-31"]  # fmt: skip
SINCE = datetime(1970, 1, 1, tzinfo=UTC)


def times(column: Column, kind: str) -> Cells:
    """Times of a type of Postgres's, for a column, as microseconds since 1970."""
    nanoseconds = "[ns" in column.dtype
    cells: Cells = {f"NULL::{kind}": NULL}
    cells |= {f"'{sign}infinity'::{kind}": TYPE if nanoseconds else FINITE for sign in ("", "-")}
    cells[f"'4000-01-01 BC'::{kind}"] = TYPE if nanoseconds else -188_363_404_800_000_000
    for text in TIMES:
        at = (datetime.fromisoformat(text).replace(tzinfo=UTC) - SINCE) // timedelta(microseconds=1)
        fits = not nanoseconds or -(2**63) <= at * 1000 < 2**63
        late = at > (NIGHT_END - SINCE) // timedelta(microseconds=1)
        zone = "+00" if kind == "timestamptz" else ""
        cells[f"'{text}{zone}'::{kind}"] = TYPE if not fits else FUTURE if late else at
    return cells


INTEGERS = [integer(dtype) for dtype in ("int64", "Int64", "int32", "int8", "uint8")]
NUMBERS = [number(dtype) for dtype in ("float64", "float32")]
WORDS = [
    Column("x", "text", "str", nullable=False),
    Column("x", "text", "str", nullable=False, categories=("web", "shop")),
    Column("x", "text", "category", nullable=False, categories=("web", "shop"), accepts_unknown=False),
]
CLOCKS = [Column("x", "timestamp", f"datetime64[{unit}]", nullable=False) for unit in ("us", "ns")]
INSTANTS = [Column("x", "instant", f"datetime64[{unit}, UTC]", nullable=False) for unit in ("us", "ns")]
CASES = [
    *((column, integers(column, kind)) for column in (*INTEGERS, *NUMBERS) for kind in ("bigint", "numeric")),
    *((column, decimals(column)) for column in (*INTEGERS[:1], *NUMBERS)),
    *((column, floats(column)) for column in NUMBERS),
    *((column, texts(column)) for column in WORDS),
    *((column, times(column, "timestamp")) for column in CLOCKS),
    *((column, times(column, "timestamptz")) for column in INSTANTS),
]


def test_there_are_hundreds_of_them() -> None:
    assert sum(len(cells) for _, cells in CASES) >= 300


@pytest.mark.parametrize(
    ("column", "cells"), CASES, ids=lambda part: part.dtype if isinstance(part, Column) else ""
)
def test_none_is_silently_another(server: Embedded, column: Column, cells: Cells) -> None:
    checker = Checker(Contract((column,)), day_end=NIGHT_END)
    rows = "\nUNION ALL ".join(f"SELECT {place}, {sql}" for place, sql in enumerate(cells))
    query = f"SELECT night.* FROM (\n{rows}\n) AS night (entity_id, x)"
    taken: dict[str, Any] = {}
    with warehouse.stream(server.connections["warehouse"], Query(query, {}, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        for batch in reader:
            checked = checker.check(batch)
            values = checked.accepted.column("x")
            plain = pc.cast(values, pa.int64()) if pa.types.is_timestamp(values.type) else values
            taken |= dict(
                zip(checked.accepted.column("entity_id").to_pylist(), plain.to_pylist(), strict=True)
            )
            for row in checked.rejected.to_pylist():
                assert row["entity_id"] not in taken
                taken[row["entity_id"]] = Rejected(row["rule"])
    times = 1000 if "[ns" in column.dtype else 1
    for place, (sql, expected) in enumerate(cells.items()):
        exact = (
            expected * times
            if pa.types.is_timestamp(column.arrow) and isinstance(expected, int)
            else expected
        )
        assert bits(taken[str(place)]) == bits(exact), sql
    assert len(taken) == len(cells)


def bits(value: Any) -> Any:
    """A float bit by bit, so that -0.0 is not 0.0; anything else as it is."""
    return struct.pack("d", value) if isinstance(value, float) else (type(value), value)


@pytest.mark.parametrize("blob", ["00", "610062", "ff", "c080", "eda080", "f4908080", "c3", "80"])
@pytest.mark.parametrize("place", ["entity_id", "x"])
def test_a_text_that_is_none_is_exact_or_rejected(tmp_path: Any, place: str, blob: str) -> None:
    source = on_sqlite(tmp_path)
    source.run("CREATE TABLE t (entity_id TEXT, x TEXT)")
    source.run("INSERT INTO t VALUES ('good', 'good'), ('bad', 'bad')")
    source.run(f"UPDATE t SET {place} = CAST(x'{blob}' AS TEXT) WHERE x = 'bad'")
    checker = Checker(Contract((WORDS[0],)))
    with warehouse.stream(source.address, Query("SELECT * FROM t", {}, "q.sql")) as reader:
        checked = [checker.check(batch) for batch in reader]
    accepted = [row for batch in checked for row in batch.accepted.to_pylist()]
    rejected = [row for batch in checked for row in batch.rejected.to_pylist()]
    exact = bytes.fromhex(blob).decode("utf-8", "replace")
    assert accepted[0] == {"entity_id": "good", "x": "good"}
    if place == "x" and "\ufffd" not in exact:
        assert accepted[1:] == [{"entity_id": "bad", "x": exact}]
    else:
        assert [(row["column_name"], row["rule"]) for row in rejected] == [(place, "type")]
        assert "\0" not in rejected[0]["value"]
