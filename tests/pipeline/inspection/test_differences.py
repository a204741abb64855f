"""pipeline/inspection/differences.py: values are equal where every bit is."""

import struct
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inspection.differences import between
from pipeline.store.schemas import SCORE_SCHEMA

FLOATS = st.floats(allow_nan=False, width=64)


CLASSES = st.none() | st.lists(FLOATS, min_size=2, max_size=2)


VALUES = st.tuples(FLOATS, st.none() | st.sampled_from(["", "yes", "no"]), CLASSES)


@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), max_size=8), st.randoms())
def test_values_are_equal_where_every_bit_is(rows: list[tuple[Any, Any, bool]], random: Any) -> None:
    """Zero and minus zero differ, null is null, and the order of the rows says nothing."""

    def table(side: int) -> pa.Table:
        values = [
            (f"e{number}", *(then if same or not side else now))
            for number, (then, now, same) in enumerate(rows)
        ]
        random.shuffle(values)
        return pa.Table.from_pylist(
            [dict(zip(SCORE_SCHEMA.names, value, strict=True)) for value in values], SCORE_SCHEMA
        )

    def exact(value: Any) -> Any:
        floats = value if isinstance(value, list) else [value]
        return [struct.pack("d", one) if isinstance(one, float) else one for one in floats]

    expected = {
        (f"e{number}", column)
        for number, (then, now, same) in enumerate(rows)
        for column, old, new in zip(SCORE_SCHEMA.names[1:], then, now, strict=True)
        if not same and exact(old) != exact(new)
    }
    differences = [*between(0, "database", table(0), table(1))]
    assert {(one.entity_id, one.column) for one in differences} == expected
