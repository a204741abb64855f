"""orchestration/training/steps.py: JSON from task to task, up to a candidate; and an alarm that begins it once."""

import json
import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.training import failure, steps
from pipeline.candidates import ledger
from tests.dags.bag import ROOT, load
from tests.dags.test_publish import context
from tests.home import Home
from tests.pipeline.retraining.shop import LAST, open_training
from tests.sinks import Web, web

__all__ = ["web"]


def carried(value: Any) -> Any:
    """A value as Airflow carries it from one task to another."""
    return json.loads(json.dumps(value))


def asked_for(job: str) -> dict[str, Any]:
    """The context of a training's tasks, up to the last date that has rows."""
    return {**context(conf={}, dag_id=f"{job}-training"), "params": {"score_date": str(LAST)}}


def rows_left(home: Home) -> list[Path]:
    return [path for path in (Path(home.store) / "_training").rglob("*") if path.is_file()]


def test_the_tasks_make_a_candidate_tell_people_once_and_leave_no_row(
    home: Home, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps(people))
    training = 'schedule = "0 5 * * 1"\n\n[alerts]\nto = "people"'
    job = home.read(name := open_training(home, training=training))
    asked = asked_for(name)
    read = carried(steps.extract(job, asked, 3))
    assert (read["last"], read["labelled"]) == (str(LAST), 152)
    assert len(rows_left(home)) == 1
    uri = home.workspace.predictions
    with monkeypatch.context() as bare:  # as in a worker of the queue `model`
        for connection in home.server.connections:
            bare.delenv(f"AIRFLOW_CONN_{connection.upper()}", raising=False)
        draft = carried(steps.train(job, asked, read))
    for _ in range(2):  # a task that is tried again enters nothing twice
        number = steps.register(job, asked, draft)
    [candidate] = ledger.listed(uri, name)
    assert (candidate.number, candidate.trained_by) == (number, asked["dag_run"].run_id)
    [posted] = web.got
    assert posted["title"] == f"{name} {LAST}: a candidate is trained, and waits for a review"
    assert f"$ scoring adopt {name} {number}" in posted["message"]
    assert rows_left(home) == []
    with pytest.raises(AirflowFailException, match=r"clear `extract_training` then, which reads them again"):
        steps.train(job, asked, read)


def test_a_training_that_fails_is_told_in_its_place_and_leaves_no_row(
    home: Home, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps(connection))
    code = "def train(rows):\n    raise ValueError('no customer-00007')\n"
    name = open_training(home, code=code, training='on_alarm = true\n\n[alerts]\nto = "people"')
    job, left = home.read(name), dict[str, Any]()
    asked = asked_for(name)
    read = carried(steps.extract(job, asked, 3))
    with pytest.raises(
        AirflowFailException, match="train failed: ValueError: no customer-00007, in line 2"
    ) as raised:
        steps.train(job, asked, read)
    link = "http://airflow/dags/shop/runs/nightly/tasks/train?try_number=1"
    ti = SimpleNamespace(
        task_id="train",
        map_index=-1,
        log_url=link,
        xcom_push=lambda key, value: left.update({key: value}),
        xcom_pull=lambda task_ids, key: [left[key]],
        get_task_states=lambda dag_id, task_ids, run_ids: {run_ids[0]: {"train": "failed"}},
    )
    shutil.copy(ROOT / "dags" / "training.py", home.path / "dags")
    dag = load(home).dags[f"{name}-training"]
    task: Any = dag.task_dict["train"]
    task.on_failure_callback[0]({**asked, "ti": ti, "exception": raised.value})
    assert web.got == []
    failure.note(job, {**asked, "ti": ti}, 3)
    [posted] = web.got
    assert posted["title"] == f"{name} {LAST}: failed in train"
    # What the function quotes of a row stays in the task's log.
    assert "train failed: ValueError: [see the log], in line 2 of shop" in posted["message"]
    assert "customer-00007" not in json.dumps(posted)
    assert "clear the task extract_training" in posted["message"]
    assert rows_left(home) == []
    ti.get_task_states = lambda dag_id, task_ids, run_ids: {run_ids[0]: {"train": "upstream_failed"}}
    with pytest.raises(AirflowSkipException, match="has told people itself"):
        failure.note(job, {**asked, "ti": ti}, 3)


def test_an_alarm_begins_one_training(home: Home) -> None:
    job = home.read(name := open_training(home, training="on_alarm = true"))
    first, second = (context(run_id=trigger) for trigger in ("first", "second"))
    with pytest.raises(AirflowSkipException, match="no quality alarm"):
        steps.begin(job, first)
    home.sql(
        "INSERT INTO scoring.quality_incidents (job, began_on, model_name, model_version) "
        "VALUES (:job, :day, 'shop', 1)",
        job=name,
        day=date(2024, 3, 1),
    )
    for _ in range(2):  # the same task, tried again
        steps.begin(job, first)
    with pytest.raises(AirflowSkipException):
        steps.begin(job, second)
    home.sql("UPDATE scoring.quality_incidents SET ended_on = began_on WHERE job = :job", job=name)
    with pytest.raises(AirflowSkipException):
        steps.begin(job, first)
