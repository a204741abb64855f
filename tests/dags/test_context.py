"""orchestration/context.py: a DAG run says its day and its wishes by one rule, and ends in Airflow's words."""

import traceback
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.context import cause_of, outcome, request_of, score_date
from pipeline.config.job import JobError
from pipeline.errors import NothingToDo, ScoringError
from tests.home import Home


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


@pytest.mark.parametrize("outer", [ScoringError("bad input. Do this."), ConnectionError("lost")])
def test_a_failed_tasks_log_has_one_traceback(outer: Exception) -> None:
    def stage() -> None:
        try:
            raise OSError("what a driver said")
        except OSError as inner:
            raise outer from inner

    with pytest.raises((AirflowFailException, ConnectionError)) as failed, outcome():
        stage()
    text = "".join(traceback.format_exception(failed.value))
    assert text.count("Traceback (most recent call last)") == 1
    assert text.rstrip().endswith(str(outer))
    assert cause_of(failed.value) is outer


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
