"""What every task of a job's DAGs has: its owner, its retries, its credentials, and what people read when it fails."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from orchestration import credentials, failure
from orchestration.context import score_date
from pipeline.config.job import Job

log = logging.getLogger(__name__)


def task_defaults(job: Job, days_back: int | None = None) -> dict[str, Any]:
    """A DAG's `default_args`, from the job file.

    Args:
        job: whose DAG it is.
        days_back: days from the score date to the day on which the DAG is due, where not the job's own.
    """
    return {
        "owner": job.owner,
        "retries": job.retries,
        "retry_delay": timedelta(seconds=job.retry_delay_seconds),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "pool": job.pool,
        # Of each task alone: else Airflow adds up those of the tasks after it, and a job's last task gives way to
        # another job's first one.
        "priority_weight": job.priority,
        "weight_rule": "absolute",
        # Not a callback: where this fails, the task does.
        "pre_execute": lambda context: _begin(context["ti"].task_id, job),
        "on_execute_callback": _announce(job, days_back),
        "on_retry_callback": failure.log_retry,
        "on_failure_callback": _report_failure(job, days_back),
    }


def _begin(task: str, job: Job) -> None:
    """Keep what a task needs of the credentials; where it opens a model, have that one's libraries load meanwhile."""
    credentials.keep_needed(task, job)
    if credentials.TASKS[task].queue == "model":
        from pipeline.isolation import forkers

        forkers.begin()


def _announce(job: Job, days_back: int | None) -> Callable[[Mapping[str, Any]], None]:
    """Callback that puts the score date first into every task's log."""

    def announce_score_date(context: Mapping[str, Any]) -> None:
        log.info("%s: score date %s", job.name, score_date(job, context, days_back))

    return announce_score_date


def _report_failure(job: Job, days_back: int | None) -> Callable[[Mapping[str, Any]], None]:
    """Callback that notes a failure, notifies people, and says what to do."""
    return lambda context: failure.report(job, context, days_back)


def report_fallback(job: Job) -> Callable[[Mapping[str, Any]], None]:
    """Callback of the task `fallback`, which ends as failed whether it has served something or not."""
    return lambda context: failure.report_fallback(job, context)


def hand_over_failure(job: Job, days_back: int | None = None) -> Callable[[Mapping[str, Any]], None]:
    """Callback of a task that can reach no database: `note_failure` notes and tells what it hands over."""
    return lambda context: failure.hand_over(job, context, days_back)
