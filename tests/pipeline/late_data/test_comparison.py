"""pipeline/late_data/comparison.py: counts are those of a comparison in plain Python, whatever fits into memory."""

import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.late_data import comparison
from pipeline.late_data.comparison import Comparison, Counts, compare
from pipeline.late_data.digests import Digester, Digests

SCHEMA = pa.schema(
    {
        "entity_id": pa.string(),
        "amount": pa.float64(),
        "visits": pa.int32(),
        "channel": pa.string(),
        "seen_at": pa.timestamp("us", "UTC"),
        "member": pa.bool_(),
    }
)
COLUMNS = SCHEMA.names[1:]
DAY = datetime(2024, 3, 1, tzinfo=UTC)

Row = dict[str, Any]

VALUES = st.fixed_dictionaries(
    {
        "amount": st.none() | st.sampled_from([0.0, -0.0, 0.1, 1e300]) | st.floats(allow_nan=False, width=64),
        "visits": st.none() | st.integers(-3, 3),
        "channel": st.none() | st.sampled_from(["", "web", "wéb", "phone"]) | st.text(max_size=3),
        "seen_at": st.none() | st.sampled_from([DAY, DAY + timedelta(microseconds=1)]),
        "member": st.none() | st.booleans(),
    }
)
THEN = st.dictionaries(st.text(max_size=4), VALUES, max_size=40)


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Rows of then, each of an entity of its own, and rows of now: some gone, some changed, some new or doubled."""
    then = draw(THEN)
    now = []
    for entity, values in then.items():
        fate = draw(st.sampled_from(["same", "same", "gone", "changed", "doubled"]))
        if fate == "changed":
            values = {**values, **draw(st.fixed_dictionaries({draw(st.sampled_from(COLUMNS)): st.none()}))}
            values |= {
                name: draw(VALUES)[name] for name in draw(st.sets(st.sampled_from(COLUMNS), max_size=2))
            }
        now += [{"entity_id": entity, **values}] * {"gone": 0, "doubled": 2}.get(fate, 1)
    fresh = draw(
        st.dictionaries(st.text(max_size=4).filter(lambda one: one not in then), VALUES, max_size=10)
    )
    now += [{"entity_id": entity, **values} for entity, values in fresh.items()]
    return [{"entity_id": entity, **values} for entity, values in then.items()], draw(st.permutations(now))


def bits(value: Any) -> Any:
    """A value by which it is the same to the last bit."""
    return struct.pack("d", value) if isinstance(value, float) else value


def plainly(then: list[Row], now: list[Row]) -> Counts:
    """The same counts in plain Python."""
    times = Counter(row["entity_id"] for row in now)
    before = {row["entity_id"]: row for row in then}
    after = {row["entity_id"]: row for row in now if times[row["entity_id"]] == 1}
    columns = dict.fromkeys(COLUMNS, 0)
    changed = 0
    for entity in before.keys() & after.keys():
        differs = [name for name in COLUMNS if bits(before[entity][name]) != bits(after[entity][name])]
        changed += bool(differs)
        for name in differs:
            columns[name] += 1
    doubled = [number for number in times.values() if number > 1]
    new, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    return Counts(new, gone, changed, len(doubled), sum(doubled), tuple(columns.values()))


def digested(digester: Digester, rows: list[Row], at_once: int) -> list[Digests]:
    batches = pa.Table.from_pylist(rows, SCHEMA).to_batches(max_chunksize=at_once)
    return [digester.of(batch) for batch in batches]


@given(sides(), st.integers(1, 20), st.sampled_from([2, 5, 1000]))
def test_counts_are_those_of_a_comparison_row_by_row(
    rows: tuple[list[Row], list[Row]], at_once: int, most: int
) -> None:
    digester = Digester()
    with Comparison(len(COLUMNS), most) as compared:
        for then in digested(digester, rows[0], at_once):
            compared.then(then)
        for now in digested(digester, rows[1], at_once):
            compared.now(now)
        assert compared.count() == plainly(*rows)


def test_rows_lie_in_files_and_no_more_are_compared_at_once_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_BYTES", 1000)
    monkeypatch.setattr(comparison, "_AT_ONCE", 100)
    most = []

    def watched(then: Digests, now: Digests) -> Counts:
        most.append(len(then) + len(now))
        return compare(then, now)

    monkeypatch.setattr(comparison, "compare", watched)
    rows = np.random.default_rng(0).integers(0, 2**64, (40_000, 3), dtype=np.uint64)
    changed = rows.copy()
    changed[::100, 2] += np.uint64(1)
    with Comparison(1, 300) as compared:
        for piece in range(0, len(rows), 5000):
            compared.then(rows[piece : piece + 5000])
            compared.now(changed[::-1][piece : piece + 5000])
        assert compared.count() == Counts(0, 0, 400, 0, 0, (400,))
        assert all(file._rolled for file in compared._then._files)  # type: ignore[attr-defined]
    assert max(most) <= 300
    assert sum(most) == 80_000


def test_an_entity_of_more_rows_than_fit_is_counted_once() -> None:
    rows = np.tile(np.array([[7, 8, 9]], np.uint64), (50, 1))
    with Comparison(1, 10) as compared:
        compared.now(rows)
        assert compared.count() == Counts(0, 0, 0, 1, 50, (0,))


def test_nothing_beside_nothing_does_not_differ() -> None:
    with Comparison(2) as compared:
        assert compared.count() == Counts(0, 0, 0, 0, 0, (0, 0))
