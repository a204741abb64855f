"""Which values break which rule."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from pipeline.contract.contract import Column
from tests.pipeline.contract.checking import checker, reasons

NOTE = Column("note", "text", "str", nullable=True, longest=3)


@pytest.mark.parametrize(("text", "broken"), [("x" * 30, 0), ("x" * 31, 1), ("é" * 30, 0), ("🛩" * 31, 1)])
def test_a_text_is_too_long_in_characters_and_not_in_bytes(text: str, broken: int) -> None:
    checks = checker([NOTE], {"too_long": "reject"})
    checked = checks.check(pa.record_batch({"entity_id": ["a", "b", "c"], "note": ["x", None, text]}))
    assert (checked.rejected_rows, checks.counts["note"]["too_long"]) == (broken, broken)


# The night of 1 March in New York ends at 05:00 UTC; clocks of that zone say midnight.
NIGHT_END = datetime(2024, 3, 2, tzinfo=timezone(timedelta(hours=-5)))


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        ("timestamp", "2024-03-02 05:00:00", None),
        ("timestamp", "2024-03-02 05:00:00.000001", "future"),
        ("timestamp", "2024-03-02 04:00:00", None),
        ("instant", "2024-03-02 05:00:00", None),
        ("instant", "2024-03-02 05:00:00.000001", "future"),
        ("instant", "2020-01-01 00:00:00", None),
        ("instant", "2019-12-31 23:59:59.999999", "out_of_range"),
        ("timestamp", "1970-01-01 00:00:00", "out_of_range"),
    ],
)
def test_a_time_of_the_future_or_before_all_training_is_rejected(
    kind: Any, said: str, rule: str | None, unit: str
) -> None:
    zone = ", UTC" if kind == "instant" else ""
    earliest = "2020-01-01T00:00:00" + ("+00:00" if zone else "")
    column = Column("at", kind, f"datetime64[{unit}{zone}]", nullable=False, earliest=earliest)
    sent = pa.array([said]).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC" if zone else None))
    checks = checker([column], {"out_of_range": "reject"}, day_end=NIGHT_END)
    checked = checks.check(pa.record_batch({"entity_id": ["e"], "at": sent}))
    assert reasons(checked) == ([("at", rule)] if rule else [])


def test_a_planned_time_may_lie_in_the_future() -> None:
    column = Column("at", "instant", "datetime64[us, UTC]", nullable=False, planned=True)
    sent = pa.array([datetime(2030, 1, 1, tzinfo=UTC)])
    checks = checker([column], day_end=NIGHT_END)
    assert checks.check(pa.record_batch({"entity_id": ["e"], "at": sent})).rejected_rows == 0
