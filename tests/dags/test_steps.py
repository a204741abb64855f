"""orchestration/steps.py: JSON in, JSON out, and what a stage refuses ends in Airflow's words."""

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration import failure, steps
from tests.dags.test_publish import context, shop
from tests.pipeline.shop import Shop
from tests.sinks import web

__all__ = ["shop", "web"]


def carried(value: Any) -> Any:
    """A value as Airflow carries it from one task to another."""
    return json.loads(json.dumps(value))


def test_tasks_hand_json_to_one_another(shop: Shop) -> None:
    job = shop.home.read(shop.job)
    run = carried(steps.extract(job, context(conf={})))
    assert (run["job"], run["score_date"], len(run["parts"])) == (shop.job, "2024-03-01", 3)
    scored = [carried(steps.predict(job, part)) for part in carried(steps.load_model(job, run))]
    written = [carried(steps.write(job, part)) for part in scored]
    verdict = carried(steps.log_metrics(job, run, written))
    assert verdict == {"findings": [], "rows_scored": 100}


def test_a_stage_that_refuses_fails_for_good(shop: Shop) -> None:
    job = shop.home.read(shop.job)
    run = steps.extract(job, context(conf={}))
    (shop.home.path / "models" / "shop" / "1" / "model.joblib").write_bytes(b"")
    with pytest.raises(AirflowFailException, match="is not the registered model"):
        steps.load_model(job, carried(run))


def test_a_fallback_ends_as_failed_and_a_dry_run_has_none(shop: Shop) -> None:
    shop.configure("retries = 0", 'retries = 0\nfallback = "last_published"')
    shop.home.score(shop.job)
    job = shop.home.read(shop.job)
    dry = {**context(), "params": {"dry_run": True}}
    with pytest.raises(AirflowSkipException, match="a dry run is served by nothing else"):
        steps.fallback(job, dry)
    later = {**context(), "params": {"score_date": "2024-03-02"}}
    with pytest.raises(failure.Served, match="put right what its failed task says, and clear that task"):
        steps.fallback(job, later)
    assert set(shop.predictions()["served_by"]) == {"model", "last_published"}
