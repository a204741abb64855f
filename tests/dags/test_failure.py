"""Every failure is a run and a message, also before a run exists or of a task that was killed."""

import logging
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    ErrorType,
)
from airflow.sdk.execution_time.comms import ErrorResponse
from sqlalchemy.exc import DBAPIError

from orchestration import steps
from orchestration.callbacks import hand_over_failure
from orchestration.failure import note
from pipeline.model.scoring import PredictError
from pipeline.payloads import Run
from tests.dags.test_publish import context, dag, shop
from tests.home import NIGHT
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["shop", "web"]


def failing(shop: Shop, task: str, error: Exception) -> dict[str, Any]:
    """What a task of the queue `model` leaves behind when it has failed for good."""
    left: dict[str, Any] = {}
    task_context = context()
    task_context["ti"] = SimpleNamespace(
        task_id=task, map_index=0, log_url="", xcom_push=lambda key, value: left.update({key: value})
    )
    hand_over_failure(shop.home.read(shop.job))({**task_context, "exception": error})
    return left


def noting(run: Run, states: dict[str, str], left: dict[str, Any]) -> dict[str, Any]:
    """The context of `note_failure` after tasks that ended so."""

    def pull(task_ids: Any, key: str = "") -> Any:
        return run.json_value() if task_ids == "extract" else [left[key]] if key in left else []

    def ended(dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_ids[0]: {name: state for name, state in states.items() if name.startswith(task_ids[0])}}

    task_context = context(dag_id=run.job)
    link = "http://airflow/dags/shop/runs/nightly/tasks/note_failure?try_number=1"
    task_context["ti"] = SimpleNamespace(
        task_id="note_failure", map_index=-1, log_url=link, xcom_pull=pull, get_task_states=ended
    )
    return task_context


def test_a_failed_prediction_is_noted_and_told_as_text(shop: Shop, web: Web) -> None:
    run = shop.extract(trigger="nightly")
    error = AirflowFailException("failed on row http://evil.example/login: poison")
    link = "http://evil.example/login"
    error.__cause__ = PredictError(f"failed on row {link}: poison", private=[link])
    left = failing(shop, "predict", error)
    assert web.got == []
    left["failure"]["told"] = True  # as a model's pickle could say, and nobody would hear of it
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


def test_after_a_deployment_log_and_message_name_the_task_that_begins_a_new_run(
    shop: Shop, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    job = shop.home.read(shop.job)
    run = shop.extract(trigger="nightly")
    shop.configure("a test job", "the same job, told otherwise")
    with pytest.raises(AirflowFailException) as refused:
        steps.load_model(shop.home.read(shop.job), run.json_value())
    with caplog.at_level(logging.ERROR, "orchestration"):
        left = failing(shop, "load_model", refused.value)
    assert (
        caplog.records[-1]
        .getMessage()
        .endswith("then clear the task extract and those after it: a new run begins.")
    )
    note(job, noting(run, {"load_model": "failed"}, left))
    assert shop.home.last_run(shop.job)["status_reason"].startswith("DeploymentError: run ")
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed in load_model"
    assert "clear the task extract and those after it. " in posted["message"]


def test_a_task_that_was_killed_is_told_of_all_the_same(shop: Shop, web: Web) -> None:
    run = shop.extract(trigger="nightly")
    note(shop.home.read(shop.job), noting(run, {"load_model": "failed"}, {}))
    assert shop.home.last_run(shop.job)["status_reason"].startswith("Killed: It was ended from outside")
    assert [posted["title"] for posted in web.got] == [f"{shop.job} 2024-03-01: failed in load_model"]


def test_what_another_task_has_told_is_not_told_again(shop: Shop, web: Web) -> None:
    run = shop.extract()
    with pytest.raises(AirflowSkipException, match="publish have not failed"):
        note(shop.home.read(shop.job), noting(run, {"load_model": "upstream_failed"}, {}))
    assert shop.status(run.run_id) == "running"
    assert web.got == []


def fail(shop: Shop, task: str = "extract", **changed: Any) -> tuple[BaseException, dict[str, Any]]:
    """Have a task fail as under Airflow: its error, and what it leaves for `note_failure`."""
    left: dict[str, Any] = {}
    asked = context(conf={}, dag_id=shop.job, **changed)
    asked["ti"] = SimpleNamespace(
        task_id=task,
        map_index=-1,
        try_number=1,
        log_url=f"http://airflow/dags/shop/runs/nightly/tasks/{task}?try_number=1",
        xcom_push=lambda key, value: left.update({key: value}),
    )
    made: Any = dag(shop)
    with pytest.raises((AirflowFailException, DBAPIError)) as failed:
        made.task_dict[task].python_callable(**asked)
    for callback in made.task_dict[task].on_failure_callback:
        callback({**asked, "exception": failed.value})
    return failed.value, left


def test_a_run_that_waited_in_vain_is_a_failed_run_and_goes_on_once_the_rows_are_there(
    shop: Shop, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    shop.configure(r'to = "alerts"', 'to = "alerts"\\n[ready]\\nquery = "ready.sql"\\nwait_hours = 1')
    query = shop.home.path / "sql" / "ready.sql"
    query.write_text("SELECT false AS loaded")
    began = datetime.now(UTC) - timedelta(hours=2)
    with caplog.at_level(logging.ERROR, "orchestration"):
        _, left = fail(shop, "ready", start_date=began)
    assert (
        caplog.records[-1]
        .getMessage()
        .endswith("clear the task ready and those after it: the run goes on from there.")
    )
    failed = shop.home.last_run(shop.job)
    assert failed["status"] == "failed"
    assert failed["status_reason"].startswith(
        f"NotReady: {shop.job} 2024-03-01: the source is not ready, as ready.sql"
    )
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed in ready"
    with pytest.raises(AirflowSkipException, match="has notified people itself"):
        note(shop.home.read(shop.job), noting_of(shop, {"ready": "failed"}, left))
    query.write_text("SELECT true AS loaded")
    # Cleared: `extract` has never run yet, so its first try is the run's.
    made: Any = dag(shop).task_dict
    asked = context(conf={}, dag_id=shop.job, start_date=datetime.now(UTC))
    run = made["extract"].python_callable(made["ready"].python_callable(**asked), **asked)
    assert [row["status"] for row in shop.runs()] == ["abandoned", "running"]
    assert run["readiness"]["ready"]


def test_a_wait_that_is_killed_is_noted_as_a_run_all_the_same(shop: Shop, web: Web) -> None:
    shop.configure(r'to = "alerts"', 'to = "alerts"\\n[ready]\\nquery = "ready.sql"\\nwait_hours = 1')
    note(shop.home.read(shop.job), noting_of(shop, {"ready": "failed"}, {}))
    assert shop.home.last_run(shop.job)["status_reason"].startswith("Killed: ")
    assert [posted["title"] for posted in web.got] == [f"{shop.job} 2024-03-01: failed in ready"]


def test_a_failed_night_tells_what_analysts_see_of_it(shop: Shop, web: Web) -> None:
    shop.configure('owner = "tests"', 'owner = "tests"\nfallback = "last_published"')
    # Nothing is published that could be served: people are told of that, too.
    fail(shop, "fallback")
    first = shop.home.score(shop.job, NIGHT - timedelta(days=6))
    fail(shop, "fallback", run_id="the next")
    fail(shop, "fallback", run_id="the next")
    nothing, served = web.got
    assert nothing["title"] == f"{shop.job} 2024-03-01: failed, and its fallback failed, too"
    assert "The fallback published nothing: analysts keep what was published before." in nothing["message"]
    assert "To run it again, clear the task fallback." in nothing["message"]
    assert (
        "The task fallback, with its log: http://airflow/dags/shop/runs/nightly/tasks/fallback"
        in nothing["message"]
    )
    assert served["title"] == f"{shop.job} 2024-03-01: failed, and this is what analysts see"
    assert (
        f"analysts see run {first.run_id + 1}, the scores of 2024-02-24 again (6 days old)"
        in served["message"]
    )
    assert f"The run's report: http://airflow/scoring/dags/{shop.job}/runs/" in served["message"]


def test_a_fallback_without_its_database_is_told_of_all_the_same(
    shop: Shop, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure('owner = "tests"', 'owner = "tests"\nfallback = "last_published"')
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", "postgres://ann:s3cret@127.0.0.1:1/nothing")
    fail(shop, "fallback")
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed, and its fallback failed, too"
    assert (
        "the predictions database (connection 'predictions', AIRFLOW_CONN_PREDICTIONS): " in posted["message"]
    )


BEFORE_A_RUN = {
    "a warehouse file that is gone": (
        "description",
        "description",
        "there is no file /nowhere/shop.db. Put the database there, or correct AIRFLOW_CONN_WAREHOUSE=",
    ),
    "an unknown connection": (
        r"\[extract\]",
        '[extract]\nconnection = "nowhere"',
        "no connection 'nowhere'. Set AIRFLOW_CONN_NOWHERE=postgres://user:password@host:5432/database",
    ),
    "a model that is not registered": ('name = "shop"', 'name = "cellar"', "no model 'cellar'"),
    "a query that is not there": (r'query = "\w+.sql"', 'query = "gone.sql"', "gone.sql: no such query in"),
    "an alias that nobody has": ('name = "shop"', 'name = "shop"\nalias = "nobody"', "nobody"),
}


@pytest.mark.parametrize("case", BEFORE_A_RUN)
def test_a_failure_before_there_is_a_run_is_a_run_and_a_message(
    shop: Shop, web: Web, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    old, new, reason = BEFORE_A_RUN[case]
    if old != new:
        shop.configure(old, new)
    else:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite:////nowhere/shop.db")
    with caplog.at_level(logging.ERROR, "orchestration"):
        error, left = fail(shop)
    assert reason in str(error)
    [run] = shop.runs()
    assert (run["status"], run["trigger"], run["rows_extracted"]) == ("failed", "nightly", None)
    assert reason in run["status_reason"]
    [posted] = web.got
    assert posted["title"] == f"{shop.job} 2024-03-01: failed in extract"
    # The remedy is the last that the log says, and on lines of its own.
    *_, message, last = [
        record.getMessage() for record in caplog.records if record.name == "orchestration.failure"
    ]
    assert message in str(error).splitlines()
    assert "clear the task extract" in last
    # Told once: what stands in for tasks that cannot tell has nothing to do.
    with pytest.raises(AirflowSkipException, match="has notified people itself"):
        note(shop.home.read(shop.job), noting_of(shop, {"extract": "failed"}, left))
    assert len(web.got) == len(shop.runs()) == 1


def noting_of(shop: Shop, states: dict[str, str], left: dict[str, Any]) -> dict[str, Any]:
    """The context of `note_failure` where no run has begun."""
    return noting(SimpleNamespace(job=shop.job, json_value=lambda: None), states, left)  # type: ignore[arg-type]


def test_the_remedy_of_an_unknown_connection_helps(
    shop: Shop, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(r"\[extract\]", '[extract]\nconnection = "nowhere"')
    error, _ = fail(shop)
    [variable] = re.findall(r"Set (\w+)=postgres://", str(error))
    monkeypatch.setenv(variable, shop.home.server.connections["warehouse"])
    asked = context(conf={}, dag_id=shop.job)
    asked["ti"].try_number = 2
    made: Any = dag(shop)
    assert made.task_dict["extract"].python_callable(**asked)["rows_extracted"] == 100
    assert [run["status"] for run in shop.runs()] == ["abandoned", "running"]


def test_a_night_that_failed_before_it_began_is_scored_by_the_next_try(shop: Shop, web: Web) -> None:
    shop.configure(r'query = "(\w+).sql"', r'query = "gone_\1.sql"')
    fail(shop)
    shop.configure(r'query = "gone_', 'query = "')
    shop.home.score(shop.job, trigger="nightly")
    assert [run["status"] for run in shop.runs()] == ["abandoned", "published"]


@pytest.mark.parametrize("begun", [False, True])
def test_an_extract_that_was_killed_is_a_run_and_a_message(shop: Shop, web: Web, begun: bool) -> None:
    if begun:
        shop.extract(trigger="nightly")
    note(shop.home.read(shop.job), noting_of(shop, {"extract": "failed"}, {}))
    [run] = shop.runs()
    assert (run["status"], run["status_reason"][:25]) == ("failed", "Killed: It was ended from")
    assert [posted["title"] for posted in web.got] == [f"{shop.job} 2024-03-01: failed in extract"]


def test_a_try_that_comes_late_notes_nothing_in_the_run_of_a_later_one(shop: Shop, web: Web) -> None:
    run = shop.extract(trigger="nightly", attempt=2)
    shop.configure(r'query = "(\w+).sql"', r'query = "gone_\1.sql"')
    fail(shop)
    assert shop.status(run.run_id) == "running"


def test_a_connection_that_nobody_could_be_asked_for_is_asked_for_again(
    shop: Shop, supervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(r"\[extract\]", '[extract]\nconnection = "nowhere"')
    monkeypatch.setattr(supervisor, "send", lambda msg: ErrorResponse(error=ErrorType.API_SERVER_ERROR))
    asked = context(conf={}, dag_id=shop.job)
    asked["ti"].try_number = 1
    made: Any = dag(shop)
    with pytest.raises(AirflowNotFoundException):
        made.task_dict["extract"].python_callable(**asked)
