"""pipeline/runs/archive.py: what a run that is over has left is read part by part, and streamed as it was."""

from datetime import date

import pyarrow as pa
import pytest

from pipeline.databases.queries import Query
from pipeline.runs import archive
from pipeline.runs.ledger import LedgerError
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError
from pipeline.store.schemas import SCORE_SCHEMA
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def test_a_run_that_was_scored_names_its_parts(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    parts = archive.parts_of(archive.run(shop.home.workspace.predictions, run_id))
    ref = RunRef(shop.job, NIGHT, run_id)
    assert [(part.number, part.rows, part.erased) for part in parts] == [(0, 40, 0), (1, 40, 0), (2, 20, 0)]
    assert [part.scored.path for part in parts] == [ref.scored(number) for number in range(3)]
    entities = pa.chunked_array([["customer-00041", "customer-00040"]])
    table = archive.slices_of_part(shop.home.store, parts[1], entities, ["channel"])
    assert table["entity_id"].to_pylist() == entities.to_pylist()
    (shop.home.path / "store" / parts[1].input.path).unlink()
    with pytest.raises(PartError, match=parts[1].input.path):
        archive.slices_of_part(shop.home.store, parts[1], entities, ["channel"])


def test_the_parts_of_a_run_that_serves_another_again_are_the_others() -> None:
    line = {"part": 0, "rows_rejected": 0, "rows_scored": 1, "rows_erased": 0, "input_sha256": "i"}
    line |= {"scored_sha256": "s"}
    row = {"job": "job", "score_date": date(2024, 3, 3), "staleness_days": 2, "source_run_id": 7, "run_id": 9}
    [part] = archive.parts_of({**row, "ledger": [line]})
    assert part.input.path == RunRef("job", date(2024, 3, 1), 7).input(0)


def test_a_run_that_was_not_scored_is_refused(shop: Shop) -> None:
    run = shop.extract()
    with pytest.raises(
        LedgerError, match=f"run {run.run_id} of {shop.job} .* is running, and was not scored"
    ):
        archive.run(shop.home.workspace.predictions, run.run_id)
    with pytest.raises(LedgerError, match="no run 999999999"):
        archive.run(shop.home.workspace.predictions, 999_999_999)


def test_rows_come_by_run_and_part_wherever_batches_end(shop: Shop) -> None:
    query = """
        SELECT run_id::bigint, part::int, row FROM (VALUES (1, 0, 90000), (1, 2, 3), (2, 2, 50000)) AS parts
        (run_id, part, rows), generate_series(1, rows) AS row ORDER BY run_id, part
    """
    with archive.by_part(shop.home.workspace.predictions, Query(query, {}, "a test")) as groups:
        seen = [(run_id, part, rows.num_rows) for run_id, part, rows in groups]
    assert seen == [(1, 0, 90_000), (1, 2, 3), (2, 2, 50_000)]
    with archive.by_part(shop.home.workspace.predictions, Query(f"{query} LIMIT 0", {}, "a test")) as groups:
        assert list(groups) == []


def test_scores_become_rows_of_their_run() -> None:
    batch = pa.RecordBatch.from_pylist([{"entity_id": "e", "score": 0.5}], schema=SCORE_SCHEMA)
    table = archive.as_rows(RunRef("job", NIGHT, 7), 3, [batch]).read_all()
    [row] = table.select(["score_date", "run_id", "part", "entity_id", "score"]).to_pylist()
    assert row == {"score_date": NIGHT, "run_id": 7, "part": 3, "entity_id": "e", "score": 0.5}
