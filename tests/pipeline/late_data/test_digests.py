"""pipeline/late_data/digests.py: equal values have equal digests, and what differs in a bit has others."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.late_data.digests import KEYS, Digester

VALUES: list[tuple[pa.DataType, list[Any]]] = [
    (pa.float64(), [0.0, -0.0, 1.0, np.nextafter(1.0, 2.0), 1e-300, None]),
    (pa.float32(), [0.0, 0.1, 0.5, None]),
    (pa.float16(), [np.float16(0.5), np.float16(0.25), None]),
    (pa.int8(), [0, -1, 127, None]),
    (pa.int64(), [0, -1, 2**62, None]),
    (pa.uint64(), [0, 1, 2**64 - 1, None]),
    (pa.bool_(), [False, True, None]),
    (pa.string(), ["", "0", "a", "A", "a ", "à", None]),
    (pa.timestamp("ms"), [0, 1_709_251_200_000, None]),
    (pa.timestamp("ns", "UTC"), [0, 1, None]),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=lambda value: str(value)[:14])
def test_values_have_the_same_digest_where_they_are_the_same(kind: pa.DataType, values: list[Any]) -> None:
    digester = Digester()
    column = pa.array(values, kind)
    rows = pa.RecordBatch.from_arrays([pa.array(["one"] * len(column)), column], ["entity_id", "value"])
    digests = digester.of(rows)
    assert digests.shape == (len(column), KEYS + 1)
    assert len(set(digests[:, KEYS].tolist())) == len(column)
    assert len({tuple(row) for row in digests[:, :KEYS].tolist()}) == 1
    order = list(reversed(range(len(column))))
    turned = digester.of(rows.take(pa.array(order)))
    assert (turned[::-1] == digests).all()
    middle = digester.of(rows.slice(1, 1))  # a slice begins in the middle of its buffers
    assert (middle[0] == digests[1]).all()


def test_every_entity_has_a_digest_of_its_own_and_every_digester_others() -> None:
    entities = [f"customer-{number}" for number in range(5000)]
    rows = pa.RecordBatch.from_arrays([pa.array(entities)], ["entity_id"])
    one, other = Digester().of(rows), Digester().of(rows)
    assert one.shape == (5000, KEYS)
    assert all(len(set(one[:, key].tolist())) == 5000 for key in range(KEYS))
    assert not (one == other).any()


def test_no_rows_have_no_digests() -> None:
    empty = pa.RecordBatch.from_pylist([], pa.schema({"entity_id": pa.string(), "value": pa.string()}))
    assert Digester().of(empty).shape == (0, KEYS + 1)
