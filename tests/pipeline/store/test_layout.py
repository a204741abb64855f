"""pipeline/store/layout.py: where a run's files are, and how large its parts."""

from itertools import islice

import pytest

from pipeline.store import layout


@pytest.mark.parametrize("shards", [1, 4, 64])
def test_parts_double_after_every_32_of_all_shards_together(shards: int) -> None:
    at_a_size = max(1, 32 // shards)
    sizes = list(islice(layout.sizes(100, shards), 3 * at_a_size))
    assert sizes == [size for size in (100, 200, 400) for _ in range(at_a_size)]


def test_a_billion_rows_make_a_few_hundred_parts() -> None:
    rows = parts = 0
    for size in layout.sizes(100_000):
        rows, parts = rows + size, parts + 1
        if rows >= 1_000_000_000:
            break
    assert parts == 264
