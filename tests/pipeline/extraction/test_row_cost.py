"""pipeline/extraction/row_cost.py: rows that no model has scored take what they took before."""

import pytest

from pipeline.extraction import row_cost
from pipeline.extraction.row_cost import RowCost
from pipeline.model import registry
from pipeline.model.scoring import scoring_threads
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop

SAMPLE = RowCost(1e-6, 6.4e-6, input_bytes=30, scored_bytes=20, held_mb=250, batch_mb=20)


@pytest.fixture
def shop(home: Home) -> Shop:
    return open_shop(home)


def metrics(shop: Shop, run_id: int) -> dict[str, float]:
    """A run's metrics by name."""
    rows = shop.home.sql(
        "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id", run_id=run_id
    )
    return {row["metric"]: row["value"] for row in rows}


def test_a_model_that_may_not_be_loaded_takes_what_it_took_before(shop: Shop) -> None:
    manifest = registry.resolve(shop.home.path, "shop", "champion").manifest
    uri = shop.home.workspace.predictions
    first = row_cost.with_last_pace(uri, shop.job, manifest, SAMPLE)
    assert first.score_seconds == SAMPLE.score_seconds + manifest.score_seconds > SAMPLE.score_seconds
    run_id = shop.home.score(shop.job).run_id
    again = row_cost.with_last_pace(uri, shop.job, manifest, SAMPLE)
    assert again.held_mb == max(250, metrics(shop, run_id)["predict_peak_mb"])
    pace = metrics(shop, run_id)["predict_rows_per_second"] / scoring_threads(manifest)
    assert again.score_seconds == pytest.approx(SAMPLE.score_seconds + 1 / pace)
