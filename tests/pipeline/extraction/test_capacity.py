"""pipeline/extraction/capacity.py: what a night will take is said before it, and one that would not fit is refused."""

import shutil
from types import SimpleNamespace

import pytest

from pipeline.extraction import capacity
from pipeline.extraction.capacity import ForecastError
from pipeline.extraction.row_cost import RowCost
from pipeline.runtime import resources
from pipeline.tasks import preflight
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop

SAMPLE = RowCost(1e-6, 6.4e-6, input_bytes=30, scored_bytes=20, held_mb=250, batch_mb=20)


def metrics(shop: Shop, run_id: int) -> dict[str, float]:
    """A run's metrics by name."""
    rows = shop.home.sql(
        "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id", run_id=run_id
    )
    return {row["metric"]: row["value"] for row in rows}


def test_a_forecast_follows_from_the_sample() -> None:
    forecast = capacity.forecast(1_000_000, 100_000, SAMPLE)
    assert (forecast.rows, forecast.parts, forecast.seconds, forecast.store_mb) == (1_000_000, 10, 10.0, 50.0)
    assert 290 < forecast.peak_mb < 340
    by_four = capacity.forecast(1_000_000, 100_000, SAMPLE, threads=4)
    assert (by_four.seconds, by_four.peak_mb) == (5.2, forecast.peak_mb + 60)


@pytest.mark.parametrize(
    ("processors", "threads", "seconds"), [(1, 1, 10.0), (2, 2, 5.0), (2, 1, 6.4), (8, 8, 3.6)]
)
def test_stages_side_by_side_share_the_processors(
    monkeypatch: pytest.MonkeyPatch, processors: int, threads: int, seconds: float
) -> None:
    monkeypatch.setattr(resources, "share", lambda: processors)
    expected = capacity.forecast(1_000_000, 100_000, SAMPLE, threads, side_by_side=True)
    assert expected.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(("rows", "parts"), [(0, 0), (1, 1), (32_000, 32), (32_001, 33), (96_000, 64)])
def test_it_counts_the_parts_as_they_will_be_cut(rows: int, parts: int) -> None:
    assert capacity.forecast(rows, 1000, SAMPLE).parts == parts


def test_memory_does_not_grow_with_the_night_but_with_its_parts() -> None:
    million, ten = (capacity.forecast(rows, 1_000_000, SAMPLE).peak_mb for rows in (10**6, 10**7))
    assert million == ten
    assert capacity.forecast(10**6, 1000, SAMPLE).peak_mb < million


def test_forecast_and_reality_stand_side_by_side(shop: Shop) -> None:
    shop.home.sql(f"ANALYZE {shop.table}", "warehouse_owner")
    kept_metrics = metrics(shop, shop.home.score(shop.job).run_id)
    assert kept_metrics["forecast_rows"] == kept_metrics["rows_extracted"] == 100
    assert kept_metrics["forecast_parts"] == kept_metrics["parts"] == 3
    for name in ("seconds", "peak_mb", "store_mb"):
        assert kept_metrics[f"forecast_{name}"] > 0
        assert kept_metrics[name] > 0


def test_check_says_what_a_night_will_take(shop: Shop) -> None:
    shop.home.sql(f"ANALYZE {shop.table}", "warehouse_owner")
    findings = list(preflight.check(shop.home.read(shop.job), shop.home.workspace, NIGHT))
    (found,) = [finding.detail for finding in findings if finding.what == "query and rows"]
    assert "the run: about 100 rows in 3 parts: " in found


@pytest.mark.parametrize(
    ("lack", "remedy"), [("store", "set SCORING_STORE"), ("memory", "Lower extract.rows_per_part")]
)
def test_a_night_that_would_not_fit_is_refused_before_it_begins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, lack: str, remedy: str
) -> None:
    if lack == "store":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr(resources, "available_memory", lambda: 0)
    with pytest.raises(
        ForecastError, match=rf"{shop.job}\.sql: about 100 rows in 3 parts: .* MB left\. .*{remedy}"
    ):
        shop.extract()
    assert shop.status(shop.home.last_run(shop.job)["run_id"]) == "failed"
    findings = preflight.check(shop.home.read(shop.job), shop.home.workspace, NIGHT)
    assert [finding.what for finding in findings if not finding.passed] == ["query and rows"]


def test_a_plan_that_is_far_too_high_refuses_no_night(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop(home, shop_rows(50))
    # The planner takes a function to give as many rows as it declares.
    home.sql(
        f"CREATE FUNCTION rows_of_{shop.table}() RETURNS SETOF {shop.table} LANGUAGE sql ROWS 1000000000 "
        f"AS 'SELECT * FROM {shop.table} LIMIT 1000000'",
        "warehouse_owner",
    )
    shop.query("SELECT * FROM rows_of_{table}()")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    assert shop.extract().forecast["forecast_rows"] == 50
