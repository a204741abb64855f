"""dags/outcomes.py: a job that names its outcomes has a second DAG, which measures each night when it can be."""

import importlib.util
import json
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from pipeline.integrations import quality_messages
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.measured import measured, remeasure
from tests.pipeline.evaluation.shop import bought, name_outcomes, opened
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["web"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(home: Home) -> str:
    """A job with outcomes, weekdays only, two days back and five days late."""
    for file in ("scoring.py", "outcomes.py"):
        shutil.copy(ROOT / "dags" / file, home.path / "dags")
    name = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{name}.toml"
    text = (
        path.read_text()
        .replace("0 2 * * *", "30 2 * * 1-5")
        .replace("retries = 0", "retries = 0\ndays_back = 2")
    )
    text = text.replace("start_date = 2024-01-01", "start_date = 2024-01-01\nend_date = 2024-12-31")
    path.write_text(f'{text}\n[outcomes]\nquery = "{name}_outcomes.sql"\ndelay_days = 5\n')
    return name


def load(home: Home) -> DagBag:
    """Read a home's dags/ as Airflow's DAG processor does."""
    folder = home.path / "dags"
    return DagBag(str(folder), bundle_path=folder, bundle_name="tests")


def outcomes_of(home: Home, job: str) -> DAG:
    """The second DAG."""
    dag: DAG = load(home).dags[f"{job}-outcomes"]
    return dag


def measure(dag: DAG, logical_date: datetime | None, asked: str | None = None, **conf: Any) -> Any:
    """Call the task's function as a worker does."""
    backfill = conf.pop("backfill", False)
    run = SimpleNamespace(
        logical_date=logical_date,
        run_after=datetime(2024, 3, 6, 8, tzinfo=UTC),
        run_id="manual",
        run_type="backfill" if backfill else "manual",
        clear_number=0,
        conf=conf,
    )
    link = f"http://airflow/dags/{dag.dag_id}/runs/manual/tasks/measure?try_number=1"
    ti = SimpleNamespace(task_id="measure", map_index=-1, log_url=link)
    task: Any = dag.task_dict["measure"]
    return task.python_callable(dag_run=run, ti=ti, params={"score_date": asked})


def test_only_a_job_that_names_outcomes_has_a_second_dag(home: Home, job: str) -> None:
    other = home.job("SELECT 1", "shop")
    bag = load(home)
    assert not bag.import_errors
    assert set(bag.dags) == {job, f"{job}-outcomes", other}


def test_no_job_can_be_called_like_it(home: Home, job: str) -> None:
    with pytest.raises(Exception, match="a job's file name is a lower-case word"):
        home.read(home.job("SELECT 1", "shop", name=f"{job}-outcomes"))


def test_it_is_due_every_day_at_the_jobs_hour_as_late_as_the_job_says(home: Home, job: str) -> None:
    dag = outcomes_of(home, job)
    timetable: Any = dag.timetable
    zone = ZoneInfo("America/New_York")
    # A job of weekdays scores Friday's rows on Sunday's eve, so to speak: five days later is any day of the week.
    assert timetable.expression == "30 2 * * *"
    assert dag.start_date == datetime(2024, 1, 4, tzinfo=zone)
    assert dag.end_date is not None
    assert dag.end_date.astimezone(zone).date() == date(2025, 1, 3)
    assert list(dag.task_dict) == ["measure"]
    assert list(dag.params) == ["score_date"]
    assert f"scoring outcomes {job} DATE" in str(dag.doc_md)


@pytest.mark.parametrize(
    ("logical_date", "asked", "night"),
    [
        (datetime(2024, 3, 6, 7, 30, tzinfo=UTC), None, "2024-03-01"),
        (datetime(2024, 3, 14, 6, 30, tzinfo=UTC), None, "2024-03-09"),  # the clocks change in between
        (None, None, "2024-03-01"),
        (None, "2024-02-20", "2024-02-20"),
    ],
)
def test_it_measures_the_night_so_many_days_before(
    home: Home, job: str, logical_date: datetime | None, asked: str | None, night: str
) -> None:
    with pytest.raises(AirflowSkipException, match=f"{job} {night}: no run is published"):
        measure(outcomes_of(home, job), logical_date, asked)


def test_it_measures_a_published_night(home: Home) -> None:
    shutil.copy(ROOT / "dags" / "outcomes.py", home.path / "dags")
    home.model("shop", *shop_model(), outcome="bought")
    rows, results = home.table(shop_rows()), home.table(shop_rows()[["entity_id"]].assign(bought=True))
    job = home.job(f"SELECT * FROM {rows}", "shop")
    (home.path / "sql" / f"{job}_outcomes.sql").write_text(
        f"SELECT * FROM {results} WHERE :score_date = '2024-03-01'"
    )
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(f'{path.read_text()}\n[outcomes]\nquery = "{job}_outcomes.sql"\ndelay_days = 5\n')
    run_id = home.score(job).run_id
    evaluation = measure(outcomes_of(home, job), datetime(2024, 3, 6, 7, 30, tzinfo=UTC))
    assert (evaluation["run_id"], evaluation["score_date"], evaluation["metrics"]["coverage"]) == (
        run_id,
        "2024-03-01",
        1,
    )
    query = "SELECT value FROM scoring.outcome_metrics WHERE run_id = :run AND metric = 'base_rate'"
    assert home.sql(query, "analyst", run=run_id) == [{"value": 1.0}]


@pytest.fixture
def unfair(home: Home, web: Web, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A job that tells of its nights, and whose results are unlike its scores wherever somebody is no member."""
    connection = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(connection))
    shutil.copy(ROOT / "dags" / "outcomes.py", home.path / "dags")
    shop = opened(home, shop_rows())
    rows, called = shop_rows(), shop.predictions().set_index("entity_id")["label"] == "true"
    late = called[rows["entity_id"]].to_numpy()
    results = rows[["entity_id"]].assign(bought=np.where(rows["member"], late, ~late))
    name_outcomes(shop, results, keys='min_group = 10\n\n[alerts]\nto = "results"', slices=("member",))
    return shop


def test_gaps_that_are_no_chance_are_told_once_in_words_and_numbers(unfair: Shop, web: Web) -> None:
    for _ in range(2):
        evaluation = measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    [posted] = web.got
    assert posted["title"] == f"{unfair.job} 2024-03-01: groups fare differently"
    for told in (
        f"Run {evaluation['run_id']} of {unfair.job}, score date 2024-03-01: ",
        "100 of 100 entities have an outcome; ROC AUC 0.",
        "- recall by member: 0 (false) to 1 (true), p = ",
        f"Look at it: http://airflow/scoring/dags/{unfair.job}/reports/{evaluation['run_id']}\n",
        f"http://airflow/dags/{unfair.job}-outcomes/runs/manual/tasks/measure?try_number=1",
        "Owner: tests",
    ):
        assert told in posted["message"]


def test_the_nights_of_a_backfill_that_is_measured_have_one_message(unfair: Shop, web: Web) -> None:
    for day in ("2024-03-01", "2024-03-02", "2024-03-03"):
        unfair.home.score(unfair.job, date.fromisoformat(day), trigger=day)
        due = datetime.fromisoformat(f"{day}T12:00+00:00") + timedelta(days=3)
        measured = measure(outcomes_of(unfair.home, unfair.job), due, backfill=True)
        assert (measured["score_date"], bool(measured["alarms"])) == (day, True)
    with pytest.raises(AirflowFailException, match="a backfill names score_date 2024-03-01"):
        measure(outcomes_of(unfair.home, unfair.job), due, "2024-03-01", backfill=True)
    [posted] = web.got
    assert "one run of a backfill" in posted["message"]


def test_no_message_fails_what_was_measured(unfair: Shop, web: Web, caplog: pytest.LogCaptureFixture) -> None:
    web.status = 503
    assert measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")["alarms"]
    assert "notify_outcomes: the run goes on without it" in caplog.text
    web.status = 200
    measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert [posted["title"] for posted in web.got] == [f"{unfair.job} 2024-03-01: groups fare differently"]


def test_results_that_nothing_is_wrong_with_tell_nobody(unfair: Shop, web: Web) -> None:
    rows, called = shop_rows(), unfair.predictions().set_index("entity_id")["label"] == "true"
    results = rows[["entity_id"]].assign(bought=called[rows["entity_id"]].to_numpy())
    name_outcomes(unfair, results, keys='min_group = 1000\n\n[alerts]\nto = "results"', slices=("member",))
    assert measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")["alarms"] == []
    assert web.got == []


LATE = 'min_group = 1000\nrecheck = true\n{}\n\n[alerts]\nto = "results"'


def test_late_data_is_told_once_with_the_command_that_scores_it(unfair: Shop, web: Web) -> None:
    results = shop_rows()[["entity_id"]].assign(bought=True)
    name_outcomes(unfair, results, keys=LATE.format(""), slices=("member",))
    measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert web.got == []
    unfair.change("visits = visits + 1", "entity_id < 'customer-00007'")
    for _ in range(2):
        measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    [posted] = web.got
    run_id = unfair.home.last_run(unfair.job)["run_id"]
    assert posted["title"] == f"{unfair.job} 2024-03-01: the source has changed since"
    for line in (
        f"Run {run_id} of {unfair.job}, score date 2024-03-01: of the 100 rows of then, 7 have changed and 0 are gone",
        "changed columns: visits in 7",
        f"scoring score {unfair.job} 2024-03-01",
        f"Its report: http://airflow/scoring/dags/{unfair.job}/reports/{run_id}\n",
    ):
        assert line in posted["message"]
    rows = unfair.home.sql(
        "SELECT rows_changed FROM scoring.late_data WHERE job = :job", "analyst", job=unfair.job
    )
    assert rows == [{"rows_changed": 7}]


def test_few_late_rows_tell_nobody_where_the_job_says_so(unfair: Shop, web: Web) -> None:
    results = shop_rows()[["entity_id"]].assign(bought=True)
    name_outcomes(unfair, results, keys=LATE.format("late_fraction = 0.07"), slices=("member",))
    unfair.change("visits = visits + 1", "entity_id < 'customer-00007'")
    measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert web.got == []


def test_a_source_that_cannot_be_held_against_the_run_fails_no_evaluation(
    unfair: Shop, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    results = shop_rows()[["entity_id"]].assign(bought=True)
    name_outcomes(unfair, results, keys=LATE.format(""))
    unfair.query("SELECT * FROM {table}")
    evaluation = measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert evaluation["metrics"]["coverage"] == 1
    assert "is not the query that run" in caplog.text
    assert web.got == []


def test_a_model_that_is_worse_is_told_once_and_once_that_it_is_over(unfair: Shop, web: Web) -> None:
    name_outcomes(unfair, bought(shop_rows()), keys='\n[alerts]\nto = "results"')
    measured(unfair, [0.9, 0.92, 0.88, 0.91] * 10, first=-60)
    bad = measured(unfair, [1.5] * 20, first=-20)
    for _ in range(2):
        evaluation = measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert evaluation["metrics"]["quality_alarm"] == 1
    [posted] = web.got
    assert posted["title"] == f"{unfair.job} 2024-03-01: the model is worse than in training"
    for line in (
        evaluation["quality"],
        "in at most 5% of years",
        f"Look at it: http://airflow/scoring/dags/{unfair.job}/reports/{evaluation['run_id']}\n",
    ):
        assert line in posted["message"]
    for run in bad:
        remeasure(unfair, run, 0.9)
    for _ in range(2):
        measure(outcomes_of(unfair.home, unfair.job), None, "2024-03-01")
    assert [each["title"].partition(": ")[2] for each in web.got[1:]] == [quality_messages.OVER]


def test_an_unknown_key_in_a_runs_conf_is_refused(home: Home, job: str) -> None:
    with pytest.raises(
        AirflowFailException, match="unknown parameter 'dry_run' in the run's conf. Use score_date"
    ):
        measure(outcomes_of(home, job), None, dry_run=True)


@pytest.mark.parametrize(("file", "suffix"), [("scoring.py", ""), ("outcomes.py", "-outcomes")])
def test_a_task_reads_its_own_job_file_only(
    home: Home, job: str, file: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.job("SELECT 1", "shop")  # another one
    from airflow.sdk.definitions import context as parsing

    monkeypatch.setenv(parsing._AIRFLOW_PARSING_CONTEXT_DAG_ID, f"{job}{suffix}")
    spec = importlib.util.spec_from_file_location("dags_of_one", home.path / "dags" / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [value.dag_id for value in vars(module).values() if isinstance(value, DAG)] == [f"{job}{suffix}"]
    assert "dags_of_one" not in sys.modules
