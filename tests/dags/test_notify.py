"""orchestration/notify.py: people are told once, in words and numbers, and no message fails a run."""

from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException

from orchestration.notify import notify_published
from pipeline.errors import ScoringError
from pipeline.payloads import Finding, Verdict
from pipeline.runs.decisions import decide
from tests.dags.test_publish import context, dag, publish, shop
from tests.home import NIGHT
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["shop", "web"]


def test_what_is_unusual_about_a_published_night_is_told_in_words_and_numbers(shop: Shop, web: Web) -> None:
    shop.change("visits = NULL", "entity_id < 'customer-00010'")
    shop.configure("min_rows = 1", 'rejected_fraction = "warn"')
    publication = publish(shop).execute(context())
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: published, with something unusual"
    for told in (
        f"Run {publication['run_id']} of {shop.job}, score date 2024-03-01: 100 rows extracted, 10 rejected, 90 scored",
        "- rejected_fraction: 10 of 100 rows were rejected (10.0%), and gate.max_rejected_fraction is 0.05",
        f"$ scoring show {publication['run_id']}\n",
        f"Look at it: http://airflow/scoring/dags/{shop.job}/runs/nightly\n",
        "Owner: tests",
    ):
        assert told in posted["message"]


def test_what_only_goes_on_is_told_with_something_new_and_not_by_itself(shop: Shop, web: Web) -> None:
    job, run = shop.home.read(shop.job), shop.extract()
    goes_on = Finding(check="lasting_drift", action="warn", message="as before", ongoing=True)
    new = Finding(check="drift", action="warn", message="another")
    notify_published(job, context(), run, Verdict(findings=(goes_on,), rows_scored=100))
    assert web.got == []
    notify_published(job, context(), run, Verdict(findings=(goes_on, new), rows_scored=100))
    [posted] = web.got
    assert "- lasting_drift: as before\n- drift: another" in posted["message"]


def test_of_an_approved_run_people_are_not_told_again(shop: Shop, web: Web) -> None:
    shop.configure("min_rows = 1", "min_rows = 1000")
    task = publish(shop)
    with pytest.raises(AirflowFailException, match="is held"):
        task.execute(context(run_type="backfill"))
    run_id = task.extracted["run_id"]
    decide(shop.home.approver, run_id, approve=True, by="ana", reason="fine")
    assert task.execute(context(run_type="backfill"))["run_id"] == run_id
    assert ["held" in posted["title"] for posted in web.got] == [True]


def test_a_failed_night_is_told_once_however_many_tasks_fail(shop: Shop, web: Web) -> None:
    callback = dag(shop).default_args["on_failure_callback"]
    for part in range(3):
        failed = context()
        failed["ti"].task_id, failed["ti"].map_index = "predict", part
        callback({**failed, "exception": ScoringError("the model is gone")})
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed in predict"
    assert "the model is gone" in posted["message"]
    assert "clear the task predict" in posted["message"]
    callback({**context(clear_number=1), "exception": ScoringError("again")})
    assert len(web.got) == 2


def test_no_message_fails_a_night_and_the_next_night_sends_it(
    shop: Shop, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    web.status = 503
    dag(shop).default_args["on_failure_callback"]({**context(), "exception": ScoringError("gone")})
    assert "the run goes on without it" in caplog.text
    assert "secret-word" not in caplog.text
    web.status = 200
    publish(shop).execute(context(NIGHT + timedelta(days=1), run_id="the next"))
    assert [posted["title"] for posted in web.got] == [f"{shop.job} 2024-03-01: failed in publish"]


def test_a_connection_that_is_missing_is_told_of_and_fails_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ALERTS")
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(AirflowFailException, match="is held"):
        publish(shop).execute(context(run_type="backfill"))
    assert "notify_held: the run goes on without it" in caplog.text
