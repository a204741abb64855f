"""Every reason of a rejected row is kept, with a value that a person can read."""

import math

import pyarrow as pa

from pipeline.contract.batch_result import MAX_VALUE_LENGTH
from tests.pipeline.contract.checking import (
    AMOUNT,
    CHANNEL,
    COUNT,
    PICKY,
    check,
    checker,
    reasons,
)


def test_all_the_reasons_of_a_row_are_told() -> None:
    checked = check(
        [AMOUNT, COUNT, CHANNEL],
        {"unknown_category": "reject", "out_of_range": "reject"},
        entity_id=pa.array([None], pa.string()),
        amount=pa.array([math.inf]),
        count=pa.array([11]),
        channel=["phone"],
    )
    expected = {
        ("entity_id", "null"),
        ("amount", "finite"),
        ("amount", "out_of_range"),
        ("count", "out_of_range"),
        ("channel", "unknown_category"),
    }
    assert set(reasons(checked)) == expected
    assert checked.rejected_rows == 1


def test_a_rejected_value_with_a_nul_can_be_kept() -> None:
    checked = check([PICKY], channel=["a\0" + "b" * 300])
    assert checked.rejected.column("value").to_pylist() == ["a\\x00" + "b" * (MAX_VALUE_LENGTH - 5)]


def test_values_are_not_kept_where_the_job_says_so() -> None:
    checked = check([AMOUNT, PICKY], {"keep_values": False}, amount=[math.inf], channel=["phone"])
    assert checked.rejected.column("value").to_pylist() == [None, None]
    assert checked.rejected.column("entity_id").to_pylist() == ["e0", "e0"]


def test_rows_of_several_shards_have_numbers_of_their_own() -> None:
    numbers = []
    for shard in range(3):
        checks = checker([COUNT], shard=shard, shards=3)
        for _ in range(2):
            batch = pa.record_batch({"entity_id": ["e", "f"], "count": pa.nulls(2, pa.int64())})
            numbers += checks.check(batch).rejected.column("row_number").to_pylist()
    assert numbers[:4] == [0, 3, 6, 9]
    assert sorted(numbers) == list(range(12))


def test_rows_are_numbered_through_the_batches() -> None:
    checks = checker([COUNT])
    numbers = []
    for values in ([1, None, 2], [None], [3, None]):
        batch = pa.record_batch({"entity_id": ["e"] * len(values), "count": pa.array(values, pa.int64())})
        numbers += checks.check(batch).rejected.column("row_number").to_pylist()
    assert numbers == [1, 3, 5]


def test_a_rejected_value_is_cut_to_what_a_person_reads() -> None:
    checked = check([PICKY], channel=["x" * 10_000_000])
    assert checked.rejected.column("value")[0].as_py() == "x" * MAX_VALUE_LENGTH
