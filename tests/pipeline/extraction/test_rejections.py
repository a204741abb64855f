"""pipeline/extraction/rejections.py: reasons are loaded in pieces, so a run of bad rows alone needs no more memory."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipeline.contract.batch_result import REJECTED
from pipeline.extraction import rejections as rejected
from pipeline.extraction.rejections import Rejections
from tests.home import Home, shop_rows
from tests.pipeline.shop import open_shop

ROWS = "SELECT count(*) AS rows, count(DISTINCT xmin::text) AS loads FROM scoring.rejected_rows WHERE run_id = :run_id"


def test_no_more_is_held_than_a_piece(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "PIECE_BYTES", 300_000)
    run_id = open_shop(home).extract().run_id
    held, before = [], pa.total_allocated_bytes()

    def reasons() -> Iterator[pa.RecordBatch]:
        for _ in range(60):
            held.append(pa.total_allocated_bytes() - before)
            texts = [pa.array(["x" * 40] * 500) for _ in range(4)]
            yield pa.RecordBatch.from_arrays([pa.array(range(500)), *texts], schema=REJECTED)

    rejections = Rejections(home.workspace.predictions, run_id, 0)
    rejections.add(reasons())
    rejections.load()
    rows = home.sql(ROWS, run_id=run_id)[0]
    assert rows["rows"] == 30_000
    assert rows["loads"] >= 15
    assert max(held) < 3 * 300_000


def test_a_night_of_bad_rows_alone_keeps_every_reason(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "PIECE_BYTES", 10_000)
    shop = open_shop(home, shop_rows(2000), extract="[contract]\nkeep_values = false")
    shop.configure("rows_per_part = 40", "rows_per_part = 500")
    shop.change("visits = NULL, member = NULL, amount = 'Infinity'")
    run = shop.extract()
    assert (run.rows_extracted, run.rows_rejected) == (2000, 2000)
    rows = shop.home.sql(ROWS, run_id=run.run_id)[0]
    assert rows["rows"] == 3 * 2000
    assert rows["loads"] > len(run.parts) == 4
    query = "SELECT count(value), count(DISTINCT row_number) AS rows FROM scoring.rejected_rows WHERE run_id = :run_id"
    assert shop.home.sql(query, run_id=run.run_id) == [{"count": 0, "rows": 2000}]
