"""pipeline/maintenance/rewriting.py: a file loses a subject's rows and nothing else, or stays as it is."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.maintenance import rewriting
from pipeline.runs.receipts import KEPT_REJECTED
from pipeline.store.parts import ROWS_PER_GROUP, PartError, PartWriter

INPUT = pa.schema([("entity_id", pa.string()), ("visits", pa.int64())])


def content(batch: pa.RecordBatch) -> bytes:
    """A file of these rows."""
    writer = PartWriter(batch.schema)
    writer.write(batch)
    writer.close()
    return bytes(writer._buffer.getbuffer())


def rows(entities: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"entity_id": entities, "visits": range(len(entities))}, schema=INPUT)


def rest(batch: pa.RecordBatch, entity: str) -> list[dict[str, object]] | None:
    """The rows that an erasure leaves; None where it leaves the file alone."""
    writer = rewriting.without(content(batch), entity, "part.parquet", "store", None)
    if writer is None:
        return None
    writer.close()
    table: pa.Table = pq.read_table(io.BytesIO(writer._buffer.getbuffer()))
    return list(table.to_pylist())


def test_a_file_without_the_subject_stays() -> None:
    assert rest(rows(["ann", "annabel", None]), "bob") is None


def test_only_the_subjects_rows_go() -> None:
    left = rest(rows(["ann", "annabel", None, "ann", "bob"]), "ann")
    assert left == [
        {"entity_id": "annabel", "visits": 1},
        {"entity_id": None, "visits": 2},
        {"entity_id": "bob", "visits": 4},
    ]


def test_a_rejected_row_whose_bad_value_is_the_subject_goes_too() -> None:
    columns: dict[str, list[object]] = {name: [None, None] for name in KEPT_REJECTED.names}
    columns |= {"part": [0, 0], "row_number": [1, 2], "entity_id": ["ben", "ben"], "rule": ["unique", "null"]}
    columns |= {"column_name": ["entity_id", "visits"], "value": ["ann", "ann"]}
    left = rest(pa.RecordBatch.from_pydict(columns, schema=KEPT_REJECTED), "ann")
    assert left is not None
    assert [row["column_name"] for row in left] == ["visits"]


def test_groups_of_rows_are_those_of_a_part_that_never_had_the_subject() -> None:
    entities = [f"customer-{number}" for number in range(2 * ROWS_PER_GROUP + 5)]
    others = entities[:100] + entities[101:]
    batch = rows(list(entities))
    expected = batch.filter(pa.array(name != "customer-100" for name in entities))
    writer = rewriting.without(content(batch), "customer-100", "part.parquet", "store", None)
    assert writer is not None
    assert writer.rows == len(others)
    again = PartWriter(INPUT)
    for start in range(0, len(others), ROWS_PER_GROUP):
        again.write(expected.slice(start, ROWS_PER_GROUP))
    assert writer.sha256() == again.sha256()


def test_a_damaged_file_is_named_with_its_remedy() -> None:
    with pytest.raises(PartError, match="part part.parquet in store cannot be read: .*remove that file, and"):
        rewriting.without(b"no Parquet", "ann", "part.parquet", "store", None)
