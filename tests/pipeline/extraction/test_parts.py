"""pipeline/extraction/parts.py: a stream is cut into whole parts, in order, and never held."""

from itertools import islice, pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.parts import cut
from pipeline.store import layout


@given(
    batch_sizes=st.lists(st.integers(0, 50), max_size=12),
    rows_per_part=st.integers(1, 70),
)
def test_a_stream_is_cut_into_whole_parts_in_order(batch_sizes: list[int], rows_per_part: int) -> None:
    ends = [sum(batch_sizes[:count]) for count in range(len(batch_sizes) + 1)]
    schema = pa.schema({"row": pa.int64()})
    batches = [
        pa.RecordBatch.from_arrays([pa.array(range(start, end), pa.int64())], schema=schema)
        for start, end in pairwise(ends)
    ]
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    groups = [
        [row for batch in group for row in batch["row"].to_pylist()]
        for group in cut(reader, layout.sizes(rows_per_part))
    ]
    assert [row for group in groups for row in group] == list(range(sum(batch_sizes)))
    wanted = list(islice(layout.sizes(rows_per_part), len(groups)))
    assert [len(group) for group in groups[:-1]] == wanted[:-1]
    assert all(0 < len(group) <= size for group, size in zip(groups, wanted, strict=True))


@pytest.mark.parametrize(
    ("rows", "rows_per_part", "at_most"), [(10**6, 500, 200), (10**8, 100_000, 200), (10**9, 1, 900)]
)
def test_a_night_makes_a_few_hundred_parts_at_most(rows: int, rows_per_part: int, at_most: int) -> None:
    """Airflow maps a task over 1024 at most."""
    assert sum(islice(layout.sizes(rows_per_part), at_most)) >= rows


def test_a_stream_is_never_held_as_a_whole() -> None:
    read_so_far = []
    schema = pa.schema({"row": pa.int64()})

    def batches() -> pa.RecordBatch:
        for number in range(100):
            read_so_far.append(number)
            yield pa.RecordBatch.from_arrays([pa.array([number] * 10)], schema=schema)

    groups = cut(pa.RecordBatchReader.from_batches(schema, batches()), layout.sizes(25))
    next(next(groups))
    assert len(read_so_far) <= 2
