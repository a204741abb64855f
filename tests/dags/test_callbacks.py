"""orchestration/callbacks.py: every task retries as its job says, and says what to do when it fails."""

import logging

import pytest

from pipeline.errors import ScoringError
from tests.dags.bag import load
from tests.dags.test_context import context
from tests.home import Home


def test_retries_back_off_as_the_job_says(home: Home, job: str) -> None:
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text().replace("retries = 0", "retries = 7\nretry_delay_seconds = 11"))
    # `decide` has a pace of its own: nobody waits for what it retries.
    tasks = [task for task in load(home).dags[job].tasks if task.task_id != "decide"]
    assert {task.retries for task in tasks} == {7}
    assert {task.retry_delay.total_seconds() for task in tasks} == {11}
    assert all(task.retry_exponential_backoff for task in tasks)


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
