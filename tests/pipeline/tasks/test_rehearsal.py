"""pipeline/tasks/rehearsal.py: the first rows are read, checked and scored, and nothing is written."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.config import forecast_file
from pipeline.tasks import preflight, rehearsal
from pipeline.tasks.preflight import CheckResult
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop


class Brittle(RegressorMixin, BaseEstimator):
    """A regressor that fails on what its reference did not have."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Nothing for many visits."""
        if (frame["visits"] > 50).any():
            raise IndexError("visits beyond the table")
        return frame["visits"].to_numpy(dtype=np.float64)


def findings(shop: Shop, day: Any = NIGHT, *, keep: bool = False) -> dict[str, CheckResult]:
    """What was checked, by name."""
    job = shop.home.read(shop.job)
    checked = preflight.check(job, shop.home.workspace, day, keep_forecast=keep)
    return {finding.what: finding for finding in checked}


def test_a_model_that_fails_on_real_rows_is_a_finding(home: Home) -> None:
    reference = shop_rows()[["visits"]]
    home.model("brittle", Brittle(), reference)
    job = home.job(f"SELECT entity_id, 99 AS visits FROM {home.table(shop_rows(3))}", "brittle")
    results = findings(Shop(home, job, ""))["query and rows"]
    assert not results.passed
    assert (
        "failed on rows customer-00000, customer-00001, customer-00002: IndexError: visits beyond the table"
        in results.detail
    )


def test_rows_that_would_be_rejected_are_counted_with_their_reasons(shop: Shop) -> None:
    shop.change("channel = NULL, visits = NULL", "entity_id < 'customer-00003'")
    results = findings(shop)["query and rows"]
    assert results.passed
    sentence = "100 rows of 2024-03-01 read and scored, 3 would be rejected (channel: null; visits: null); "
    assert results.detail.startswith(sentence)


def test_a_large_night_is_only_sampled(shop: Shop) -> None:
    shop.query(
        "SELECT many.number::text AS entity_id, amount, visits, channel, member FROM {table},"
        " generate_series(1, 300) AS many (number)"
    )
    assert f"{rehearsal.SAMPLE_ROWS} rows of" in findings(shop)["query and rows"].detail


def test_the_forecast_is_kept_beside_the_job_file_where_somebody_asks(shop: Shop) -> None:
    folder = shop.home.path / "dags"
    assert "kept" not in findings(shop)["query and rows"].detail
    assert forecast_file.peak_mb(folder, shop.job) is None
    results = findings(shop, keep=True)["query and rows"]
    assert results.passed
    assert results.detail.endswith(f"; kept in dags/{shop.job}.forecast.json")
    assert (forecast_file.peak_mb(folder, shop.job) or 0) > 100


def test_a_forecast_that_nobody_has_is_not_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # As of a warehouse that has no planner.
    monkeypatch.setattr(rehearsal, "_forecast", lambda *_: None)
    results = findings(shop, keep=True)["query and rows"]
    assert not results.passed
    assert "no forecast to keep. Name memory_mb below [resources]" in results.detail
