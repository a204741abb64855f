"""dags/scoring.py: every job file becomes one DAG, and says what happens in Airflow's words."""

import shutil
from copy import copy
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from orchestration.credentials import TASKS
from pipeline.config.dates import DateError, parse
from tests import words
from tests.dags.bag import ROOT, callable_of, load, module
from tests.home import Home, shop_model
from tests.hostile import HOSTILE


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


def waiting(home: Home, job: str, keys: str = "wait_hours = 1") -> dict[str, Any]:
    """The tasks of a job that waits for its source, with its DAG."""
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(
        path.read_text().replace("retries = 0", 'retries = 0\nfallback = "last_published"')
        + f'\n[ready]\nquery = "{job}.sql"\n{keys}\n'
    )
    dag = load(home).dags[job]
    return {"dag": dag, **dag.task_dict}


def test_a_job_that_asks_waits_in_a_task_before_all_others(home: Home, job: str) -> None:
    tasks = waiting(home, job)
    assert tasks["dag"].doc_md.count("ready → extract → load_model") == 1
    assert tasks["ready"].downstream_task_ids == {"extract", "note_failure", "fallback"}
    assert tasks["extract"].upstream_task_ids == {"ready"}
    assert [task.task_id for task in tasks["dag"].roots] == ["ready"]
    assert tasks["ready"].pool == tasks["extract"].pool
    assert callable_of(tasks["ready"]).__doc__


def test_assets_begin_a_run_beside_the_schedule(home: Home, job: str) -> None:
    alone = load(home).dags[job].timetable
    assert type(alone).__name__ == "CronTriggerTimetable"
    dag = waiting(home, job, 'wait_hours = 1\nassets = ["orders", "customers"]')["dag"]
    both: Any = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    assert both.summary == f"Asset or {both.timetable.summary}"
    assert both.timetable.summary == "0 2 * * *"
    names = [one.name for one in dag.timetable.asset_condition.objects]
    assert (type(dag.timetable.asset_condition).__name__, names) == ("AssetAll", ["orders", "customers"])


def test_publishing_updates_an_asset_named_after_the_job(home: Home, job: str) -> None:
    dag = load(home).dags[job]
    public = {"publish", "decide"}
    assert all([asset.name for asset in dag.task_dict[name].outlets] == [job] for name in public)
    assert not any(task.outlets for task in dag.tasks if task.task_id not in public)


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


def test_a_model_is_not_needed_to_read_the_dags(home: Home, job: str) -> None:
    assert not (home.path / "models" / "shop").exists()
    assert not load(home).import_errors
    home.model("shop", *shop_model())
