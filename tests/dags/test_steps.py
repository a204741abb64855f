"""orchestration/steps.py: JSON in, JSON out, and what a stage refuses ends in Airflow's words."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)

from orchestration import failure, steps
from tests.dags.test_publish import context, shop
from tests.home import Home
from tests.pipeline.extraction.loading import Loading, open_loading
from tests.pipeline.shop import Shop
from tests.sinks import web

__all__ = ["shop", "web"]


def looking(loading: Loading, hours: float, **changed: Any) -> dict[str, Any]:
    """The context of the task `ready` of a DAG run that began so many hours ago."""
    began = datetime.now(UTC) - timedelta(hours=hours)
    return context(conf={}, start_date=began, dag_id=loading.shop.job, **changed)


def look(loading: Loading, task_context: dict[str, Any]) -> dict[str, Any]:
    """What the task `ready` returns, as Airflow carries it."""
    job = loading.shop.home.read(loading.shop.job)
    assert job.ready
    return dict(carried(steps.ready(job, job.ready, task_context)))


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


def test_a_run_is_rescheduled_until_its_source_is_ready_and_keeps_how_long_that_took(home: Home) -> None:
    loading = open_loading(home)
    for hours, pause in ((0.0, 15), (1.0, 180), (3.9, 300), (3.99, 36)):
        before = datetime.now(UTC)
        with pytest.raises(AirflowRescheduleException) as parked:
            look(loading, looking(loading, hours))
        looked, second = datetime.now(UTC), timedelta(seconds=1)
        assert -second <= parked.value.reschedule_date - before - pause * second <= looked - before + second
    loading.done()
    seen = look(loading, asked := looking(loading, 1.5))
    assert (seen["ready"], round(seen["seconds"] / 60)) == (True, 90)
    run = steps.extract(home.read(loading.shop.job), asked, seen)
    assert run["readiness"] == seen


@pytest.mark.parametrize("changed", [{}, {"run_type": "backfill"}])
def test_a_run_whose_time_is_up_and_a_backfill_look_once_more_and_no_further(
    home: Home, changed: dict[str, Any]
) -> None:
    hours = 0 if changed else 4.01
    with pytest.raises(
        AirflowFailException, match=r"not ready, as ready\.sql says.* Once the rows are loaded, clear"
    ):
        look(loading := open_loading(home), looking(loading, hours, **changed))
    held = open_loading(home, "hold")
    assert look(held, looking(held, hours, **changed))["ready"] is False
    held.done()
    assert look(held, looking(held, hours, **changed))["ready"] is True


def test_a_query_that_answers_nothing_fails_at_once_and_is_not_waited_for(home: Home) -> None:
    loading = open_loading(home)
    loading.done("NULL")
    with pytest.raises(AirflowFailException, match="which says neither yes nor no"):
        look(loading, looking(loading, 0))


def test_a_run_that_was_promised_waits_until_then_and_what_nobody_knows_of_its_conf_is_refused(
    home: Home,
) -> None:
    loading = open_loading(home, keys="", more="[promise]\nwithin_hours = 720")
    day = datetime.now(UTC).date()
    with pytest.raises(AirflowRescheduleException):
        look(loading, {**looking(loading, 0), "params": {"score_date": str(day)}})
    with pytest.raises(AirflowFailException, match="unknown parameter 'day'"):
        look(loading, {**looking(loading, 0), "dag_run": SimpleNamespace(run_type="manual", conf={"day": 1})})
