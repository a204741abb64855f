"""The rows that are explained are those that have a score, in the order in which the model got them."""

from pathlib import Path

import pyarrow as pa

from pipeline.reasons.rows import Chosen
from pipeline.runs.archive import File
from pipeline.store.parts import PartWriter
from pipeline.store.schemas import SCORE_SCHEMA


def saved(store: Path, path: str, batch: pa.RecordBatch) -> File:
    """A file of a part."""
    writer = PartWriter(batch.schema)
    writer.write(batch)
    return File(path, writer.save(str(store), path, 0).sha256)


def test_a_row_without_a_score_one_below_the_least_and_one_not_among_the_chosen_are_left_out(
    tmp_path: Path,
) -> None:
    rows = pa.RecordBatch.from_pydict({"entity_id": ["d", "b", "a", "c"], "visits": [4, 2, 1, 3]})
    scores = pa.RecordBatch.from_pylist(
        [{"entity_id": name, "score": score} for name, score in (("d", 0.4), ("a", 0.9), ("c", 0.5))],
        SCORE_SCHEMA,
    )
    files = saved(tmp_path, "part.parquet", rows), saved(tmp_path, "scored.parquet", scores)
    [(every, theirs)] = Chosen(str(tmp_path), *files).read()
    assert (every.column("visits").to_pylist(), theirs.tolist()) == ([4, 1, 3], [0.4, 0.9, 0.5])
    [(highest, theirs)] = Chosen(str(tmp_path), *files, least=0.5).read()
    assert (highest.column("entity_id").to_pylist(), theirs.tolist()) == (["a", "c"], [0.9, 0.5])
    assert list(Chosen(str(tmp_path), *files, least=1.0).read()) == []
    among = pa.array(["b", "c", "elsewhere"])
    [(changed, theirs)] = Chosen(str(tmp_path), *files, among=among).read()
    assert (changed.column("entity_id").to_pylist(), theirs.tolist()) == (["c"], [0.5])
    assert list(Chosen(str(tmp_path), *files, among=pa.array([], pa.string())).read()) == []


def test_a_part_on_whose_every_row_the_model_raised_has_nothing_to_explain(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"entity_id": ["a"], "visits": [1]})
    scores = pa.RecordBatch.from_pylist([], SCORE_SCHEMA)
    files = saved(tmp_path, "part.parquet", rows), saved(tmp_path, "scored.parquet", scores)
    assert list(Chosen(str(tmp_path), *files).read()) == []
