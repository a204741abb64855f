"""dags/scoring.py: every job file becomes one DAG, and says what happens in Airflow's words."""

import logging
import os
import shutil
import sys
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import structlog
from airflow.dag_processing.dagbag import DagBag
from airflow.dag_processing.processor import _serialize_dags
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError

from orchestration import broken
from orchestration.context import outcome, request_of, score_date
from orchestration.credentials import TASKS
from pipeline.config.dates import DateError, parse
from pipeline.config.job import JobError
from pipeline.errors import NothingToDo, ScoringError
from tests import words
from tests.home import Home, shop_model
from tests.hostile import HOSTILE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(home: Home) -> str:
    """A job whose DAG can be looked at."""
    shutil.copy(ROOT / "dags" / "scoring.py", home.path / "dags")
    return home.job("SELECT 1", "shop")


def load(home: Home) -> DagBag:
    """Read a home's dags/ as Airflow's DAG processor does."""
    folder = home.path / "dags"
    return DagBag(str(folder), bundle_path=folder, bundle_name="tests")


def callable_of(task: Any) -> Any:
    """The function that a task runs."""
    return task.python_callable


def module(dag: DAG) -> Any:
    """The module that built a DAG."""
    return sys.modules[callable_of(dag.task_dict["extract"]).__module__]


def test_every_job_file_becomes_one_dag(home: Home, job: str) -> None:
    other = home.job("SELECT 1", "shop")
    assert set(load(home).dags) == {job, other}


def test_the_tasks_stand_in_their_order(home: Home, job: str) -> None:
    dag = load(home).dags[job]
    after = {name: sorted(task.downstream_task_ids) for name, task in dag.task_dict.items()}
    assert after == {
        "extract": ["load_model", "log_metrics", "note_failure", "publish"],
        "load_model": ["note_failure", "predict"],
        "predict": ["note_failure", "write"],
        "note_failure": [],
        "write": ["log_metrics", "note_failure"],
        "log_metrics": ["decide", "note_failure", "publish"],
        "publish": ["decide", "note_failure"],
        "decide": [],
    }
    assert all(task.doc or callable_of(task).__doc__ for task in dag.tasks)


def test_every_task_runs_where_its_credentials_are_and_no_others(home: Home, job: str) -> None:
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text().replace("retries = 0", 'retries = 0\nfallback = "last_published"'))
    tasks = load(home).dags[job].task_dict
    assert {name: task.queue for name, task in tasks.items()} == {name: TASKS[name].queue for name in tasks}
    assert {name for name, task in tasks.items() if task.queue == "model"} == {"load_model", "predict"}
    assert not TASKS["load_model"].connections + TASKS["predict"].connections
    assert [name for name, need in TASKS.items() if "predictions_approver" in need.connections] == ["decide"]
    assert [name for name, task in tasks.items() if task.queue == "approver"] == ["decide"]


def test_a_fallback_waits_for_a_failure_of_any_task(home: Home, job: str) -> None:
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text().replace("retries = 0", 'retries = 0\nfallback = "last_published"'))
    tasks = dict(load(home).dags[job].task_dict)
    fallback = tasks.pop("fallback")
    assert tasks.pop("note_failure").trigger_rule == "one_failed"
    assert fallback.trigger_rule == "one_failed"
    assert fallback.upstream_task_ids == set(tasks)


def test_publishing_updates_an_asset_named_after_the_job(home: Home, job: str) -> None:
    dag = load(home).dags[job]
    public = {"publish", "decide"}
    assert all([asset.name for asset in dag.task_dict[name].outlets] == [job] for name in public)
    assert not any(task.outlets for task in dag.tasks if task.task_id not in public)


def test_retries_back_off_as_the_job_says(home: Home, job: str) -> None:
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text().replace("retries = 0", "retries = 7\nretry_delay_seconds = 11"))
    # `decide` has a pace of its own: nobody waits for what it retries.
    tasks = [task for task in load(home).dags[job].tasks if task.task_id != "decide"]
    assert {task.retries for task in tasks} == {7}
    assert {task.retry_delay.total_seconds() for task in tasks} == {11}
    assert all(task.retry_exponential_backoff for task in tasks)


def test_every_param_has_a_title_and_help(home: Home, job: str) -> None:
    params = load(home).dags[job].params
    values = {name: params.get_param(name) for name in params}
    assert set(values) == {"score_date", "model_version", "dry_run"}
    assert all(param.schema["title"] and param.description for param in values.values())


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"score_date": "soon"}, "score_date"),
        ({"score_date": "2024-03-01'; DROP TABLE x"}, "score_date"),
        *(
            ({"model_version": bad}, "model_version")
            for bad in (0, -1, 2**31, 2**63, 10**20, 1e20, 1e308, 1.5, True)
        ),
        *(({"model_version": bad}, "model_version") for bad in ("2", "", [2], {"2": 2})),
        *(({"score_date": bad}, "score_date") for bad in (20240301, 1e20, True, ["2024-03-01"], "9" * 5000)),
        *(
            ({"score_date": bad}, "score_date")
            for bad in ("20240301", "1969-12-31", "2200-01-01", "0001-01-01", "2024-02-30", " 2024-03-01")
        ),
        *(({"dry_run": bad}, "dry_run") for bad in (1, 0, None, "true", 1e20)),
        ({"model_version": "../2"}, "model_version"),
        ({"dry_run": "maybe"}, "dry_run"),
    ],
)
def test_params_out_of_range_are_refused(
    home: Home, job: str, params: dict[str, Any], complaint: str
) -> None:
    defined = load(home).dags[job].params
    with pytest.raises(ParamValidationError, match=f"Invalid input for param {complaint}"):
        defined.update(params)


def test_no_param_carries_code(home: Home, job: str) -> None:
    # A string is let through by `score_date` alone, and then refused as no date; see tests/scenarios/test_injection.py.
    params = load(home).dags[job].params
    for value in HOSTILE:
        for name in ("score_date", "model_version", "dry_run"):
            defined = copy(params)
            try:
                defined.update({name: value})
            except ParamValidationError:
                continue
            assert name == "score_date"
            with pytest.raises(DateError):
                parse(value)


def test_a_job_may_have_any_legal_name(home: Home, job: str) -> None:
    shutil.copy(ROOT / "dags" / "outcomes.py", home.path / "dags")
    text = (home.path / "dags" / f"{job}.toml").read_text()
    names = {*words.DAGS, *words.WORDS[::12], "self", "context", "a", "z" * 63}
    for name in names:
        outcomes = '[outcomes]\nquery = "o.sql"\ndelay_days = 1\n' if name in words.DAGS[::3] else ""
        (home.path / "dags" / f"{name}.toml").write_text(text + outcomes)
    bag = load(home)
    assert not bag.import_errors
    assert set(bag.dags) == {job, *names, *(f"{name}-outcomes" for name in words.DAGS[::3])}
    # Airflow keeps these two from assets.
    assert bag.dags["context"].task_dict["publish"].outlets[0].name == "context-scores"
    # What the tasks call is still what the file gave them.
    used = module(bag.dags[job])
    assert not {name for name in words.DAGS if isinstance(getattr(used, name, None), DAG)}


def test_a_broken_job_file_breaks_its_own_dag_only(home: Home, job: str) -> None:
    broken = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{broken}.toml"
    path.write_text(path.read_text().replace("owner =", "ownr ="))
    # The last two would be called like each other and like the good job, but for their letters.
    others = ["not a name.toml", "größe.toml", os.fsdecode(b"\xff.toml"), f"{job.upper()}.toml"]
    others += [job.replace("_", other) + ".toml" for other in " -"]
    for name in others:
        (home.path / "dags" / name).write_text("]")
    bag = load(home)
    good, errors = _serialize_dags(bag, structlog.get_logger())
    assert not bag.import_errors
    assert [dag.dag_id for dag in good] == [job]
    assert set(errors) == {f"{broken}.toml", *(name.replace("\udcff", r"\udcff") for name in others)}
    assert str(errors).encode()  # Airflow keeps no text that is none
    assert f"{broken}.toml: key 'ownr' is unknown. Did you mean 'owner'?" in errors[f"{broken}.toml"]
    assert "not a name.toml: not a TOML file" in errors["not a name.toml"]


def test_whatever_airflow_refuses_of_one_job_the_others_go_on(
    home: Home, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = module(load(home).dags[job])
    monkeypatch.setattr(scoring, "Asset", Mock(side_effect=ValueError("prohibited")))
    dag = broken.dag_of(home.path / "dags" / f"{job}.toml", scoring.build)
    with pytest.raises(
        JobError, match=f"{job}.toml: Airflow refuses its DAG: ValueError: prohibited. Correct"
    ):
        dag.get_serialized_fields()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (NothingToDo("quiet"), AirflowSkipException),
        (ScoringError("bad input"), AirflowFailException),
        (ConnectionError("lost"), ConnectionError),
    ],
)
def test_only_passing_faults_are_retried(raised: Exception, seen: type[Exception]) -> None:
    with pytest.raises(seen, match=str(raised)), outcome():
        raise raised


def context(**given: Any) -> dict[str, Any]:
    """What Airflow hands to a task, as far as the DAG file looks at it."""
    run: dict[str, Any] = {
        "logical_date": None,
        "run_after": datetime(2024, 3, 1, 7, tzinfo=UTC),
        "run_id": "manual",
        "conf": {},
        "run_type": "manual",
        "triggering_user_name": None,
    }
    params = given.pop("params", {})
    return {
        "dag_run": SimpleNamespace(**{**run, **given}),
        "params": params,
        "ti": SimpleNamespace(
            task_id="predict", map_index=0, try_number=1, xcom_push=lambda key, value: None
        ),
    }


def test_a_version_is_written_as_the_whole_number_that_it_is() -> None:
    # To JSON Schema 2.0 is an integer, so Airflow lets it through; restored would be "shop/2.0/manifest.json".
    assert request_of(context(params={"model_version": 2})).model_version == 2
    with pytest.raises(JobError, match=r"model_version = 2\.0 is no whole number\. Write 2\."):
        request_of(context(params={"model_version": 2.0}))


def test_a_backfill_scores_the_day_of_each_of_its_runs_and_no_one_day() -> None:
    day = {"score_date": "2024-03-01"}
    assert request_of(context(params=day))
    assert request_of(context(run_type="backfill", params={"score_date": None, "model_version": 1}))
    with pytest.raises(
        JobError, match="a backfill names score_date 2024-03-01, so all .* Leave score_date out"
    ):
        request_of(context(run_type="backfill", params=day))


@pytest.mark.parametrize(
    ("run_type", "days_back", "day"),
    [
        ("scheduled", None, "2024-03-30"),
        ("backfill", None, "2024-03-30"),
        ("scheduled", 3, "2024-03-27"),  # outcomes
        ("manual", None, "2024-03-31"),  # a person picked half past midnight
    ],
)
def test_a_time_that_the_clocks_skip_is_the_schedules_and_no_persons(
    home: Home, run_type: str, days_back: int | None, day: str
) -> None:
    path = home.path / "dags" / f"{home.job('SELECT 1', 'shop')}.toml"
    text = path.read_text().replace("0 2 * * *", "30 23 * * *").replace("America/New_York", "America/Godthab")
    path.write_text(text)
    due = datetime(2024, 3, 31, 1, 30, tzinfo=UTC)
    run = context(run_type=run_type, logical_date=due)
    assert str(score_date(home.read(path.stem), run, days_back)) == day


def test_an_unknown_key_in_a_runs_conf_is_refused() -> None:
    with pytest.raises(JobError, match="unknown parameter 'table' in the run's conf. Use score_date"):
        request_of(context(conf={"table": "secrets"}))


def test_a_failed_task_says_job_night_task_and_remedy(
    home: Home, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    dag = load(home).dags[job]
    with caplog.at_level(logging.ERROR):
        dag.default_args["on_failure_callback"]({**context(), "exception": ScoringError("the model is gone")})
    for part in (
        job,
        "2024-03-01",
        "task predict failed",
        "the model is gone\n",
        "clear the task predict",
        "Owner: tests",
    ):
        assert part in caplog.text


def test_a_model_is_not_needed_to_read_the_dags(home: Home, job: str) -> None:
    assert not (home.path / "models" / "shop").exists()
    assert not load(home).import_errors
    home.model("shop", *shop_model())
