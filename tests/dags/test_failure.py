"""operators/failure.py: what fails without a database is noted in the run's row and told, by a task that has one."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from operators.defaults import hand_over_failure
from operators.failure import note
from pipeline.predict import PredictError
from pipeline.stage import Run
from tests.dags.test_publish import context, shop
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["shop", "web"]


def failing(shop: Shop, task: str, error: Exception) -> dict[str, Any]:
    """What a task of the queue `model` leaves behind when it has failed for good."""
    left: dict[str, Any] = {}
    said = context()
    said["ti"] = SimpleNamespace(
        task_id=task, map_index=0, log_url="", xcom_push=lambda key, value: left.update({key: value})
    )
    hand_over_failure(shop.home.read(shop.job))({**said, "exception": error})
    return left


def noting(run: Run, states: dict[str, str], left: dict[str, Any]) -> dict[str, Any]:
    """The context of `note_failure` after tasks that ended so."""

    def pull(task_ids: Any, key: str = "") -> Any:
        return run.json_value() if task_ids == "extract" else [left[key]] if key in left else []

    def ended(dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_ids[0]: {name: state for name, state in states.items() if name.startswith(task_ids[0])}}

    said = context(dag_id=run.job)
    link = "http://airflow/dags/shop/runs/nightly/tasks/note_failure?try_number=1"
    said["ti"] = SimpleNamespace(
        task_id="note_failure", map_index=-1, log_url=link, xcom_pull=pull, get_task_states=ended
    )
    return said


def test_a_failed_prediction_is_noted_and_told_as_text(shop: Shop, web: Web) -> None:
    run = shop.extract()
    error = AirflowFailException("failed on row http://evil.example/login: poison")
    error.__cause__ = PredictError("failed on row evil: poison", private=["evil"])
    left = failing(shop, "predict", error)
    assert web.got == []
    ended = {"load_model": "success", "predict_0": "failed", "predict_1": "success"}
    note(shop.home.read(shop.job), noting(run, ended, left))
    row = shop.home.last_run(shop.job)
    assert (row["status"], row["status_reason"]) == (
        "failed",
        "PredictError: failed on row [see the log]: poison",
    )
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed in predict"
    assert "failed on row hxxp[://]evil[.]example/login: poison" in posted["message"]
    assert "http://airflow/dags/shop/runs/nightly/tasks/predict\n" in posted["message"]


def test_a_task_that_was_killed_is_told_of_all_the_same(shop: Shop, web: Web) -> None:
    run = shop.extract()
    note(shop.home.read(shop.job), noting(run, {"load_model": "failed"}, {}))
    assert shop.home.last_run(shop.job)["status_reason"].startswith("Killed: It was ended from outside")
    assert [posted["title"] for posted in web.got] == [f"{shop.job} 2024-03-01: failed in load_model"]


def test_what_another_task_has_told_is_not_told_again(shop: Shop, web: Web) -> None:
    run = shop.extract()
    with pytest.raises(AirflowSkipException, match="load_model and predict have not failed"):
        note(shop.home.read(shop.job), noting(run, {"load_model": "upstream_failed"}, {}))
    assert shop.status(run.run_id) == "running"
    assert web.got == []
