"""The failure of a task: a run that says why, a message, and the remedy as the last lines of the task's log.

A task that has no database, or that was killed, cannot see to that itself: `note_failure` does in its place.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration import credentials, notify
from orchestration.context import cause_of, score_date, workspace_of
from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.errors import ScoringError, kept_text, task_to_clear

log = logging.getLogger(__name__)

# Those that `note_failure` stands in for, in their order. `extract` begins the run; a run that waits in `ready`, of a
# job that has it, has none yet.
_TASKS = ("ready", "extract", "load_model", "predict", "write", "log_metrics", "publish")
_BEGIN = ("ready", "extract")
_KEY = "failure"  # which reports/events.py reads, too
_LONGEST = 2000
_KILLED = (
    "It was ended from outside, or by its model; its log is all that it left. Where memory ran out, lower "
    "extract.rows_per_part or give the worker more."
)


class Served(AirflowFailException):
    """A failed run stays red though something stands in for it; the message says what analysts see."""


def report(job: Job, context: Mapping[str, Any], days_back: int | None = None) -> None:
    """Note a failed task's error as a run, tell people, and say what to do.

    Args:
        job: whose task it is.
        context: of the task.
        days_back: as `score_date` takes it, where the task does not score a day but looks back on it.
    """
    day, error = day_of(job, context, days_back), text_of(context.get("exception"))
    ti, cause = context["ti"], cause_of(context.get("exception"))
    noted = days_back is not None or _note(
        job, context, day, ti.task_id, kept_text(cause) if cause else error, ti.try_number
    )
    sent = notify.notify_failure(job, context, day, error)
    _hand_over(context, notified=noted and sent)
    _log(job, context, day, error)


def report_fallback(job: Job, context: Mapping[str, Any]) -> None:
    """Notify people of what analysts see in place of a failed run: its fallback, or that this has failed, too."""
    error, day = context.get("exception"), day_of(job, context)
    served, text = isinstance(error, Served), text_of(error)
    notify.notify_fallback(job, context, day, text, served=served)
    if served:
        log.info("::endgroup::")
        log.error("%s", text)
    else:
        _log(job, context, day, text)


def hand_over(job: Job, context: Mapping[str, Any], days_back: int | None = None) -> None:
    """Leave a failed task's error for `note`, and say what to do."""
    _hand_over(context, notified=False)
    _log(job, context, day_of(job, context, days_back), text_of(context.get("exception")))


def note(job: Job, context: Mapping[str, Any]) -> None:
    """Note why a task failed that could not note it itself, and tell people.

    Raises:
        AirflowSkipException: none has failed; or the one that has did so itself.
    """
    task = _failed(job, context)
    if task is None:
        raise AirflowSkipException(f"{', '.join(_TASKS[1:])} have not failed")
    left = left_by(context, task)
    # A task without connections can tell nobody: what its model's pickle has left of that is not believed.
    if left.get("told") and credentials.TASKS[task].connections:
        raise AirflowSkipException(f"{task} failed, and has notified people itself")
    day = day_of(job, context)
    _note(job, context, day, task, str(left["kept"])[:_LONGEST], None)
    notify.notify_noted(job, context, day, task, str(left["error"])[:_LONGEST], str(left["kind"])[:100])


def day_of(job: Job, context: Mapping[str, Any], days_back: int | None = None) -> date:
    """The day that a failed task was for; the day on which it is due where that day is what failed."""
    with suppress(ScoringError):
        return score_date(job, context, days_back)
    run, back = context["dag_run"], job.days_back if days_back is None else days_back
    due: date = (run.logical_date or run.run_after).astimezone(job.zone).date() - timedelta(days=back)
    return due


def text_of(error: Any) -> str:
    """What a person reads of an error: what happened, why, and what to do."""
    from pipeline.runs import failures

    cause = cause_of(error)
    return failures.explain(cause) if cause else str(error or _KILLED)


def log_retry(context: Mapping[str, Any]) -> None:
    """Say why a task is tried again, below the traceback."""
    log.info("::endgroup::")
    for line in text_of(context.get("exception")).splitlines():
        log.warning("%s", line)
    log.warning("The task is tried again by itself. What was published before stays.")


@notify.harmless
def _note(
    job: Job, context: Mapping[str, Any], day: date, task: str, reason: str, attempt: int | None
) -> None:
    from pipeline.runs import failures

    run, asked = context["dag_run"], context["params"]
    failure = failures.Failure(
        job=job.name,
        score_date=day,
        interval=dates.interval(day, job.zone),
        trigger=run.run_id,
        reason=reason,
        job_sha256=job.sha256,
        model_name=job.model.name,
        dry_run=bool(asked.get("dry_run")),
        triggered_by=run.triggering_user_name,
        # The tries of `ready` are no tries of the run's.
        attempt=attempt if task == "extract" else None,
    )
    failures.note(workspace_of(job).predictions, failure, begin=task in _BEGIN)


@notify.harmless
def _hand_over(context: Mapping[str, Any], *, notified: bool) -> None:
    """Leave text and no more: the process may have run a pickle."""
    error = context.get("exception")
    cause = cause_of(error)
    left = {
        "error": text_of(error)[:_LONGEST],
        "kind": type(cause).__name__,
        "kept": kept_text(cause)[:_LONGEST] if cause else "",
        "told": notified,
    }
    context["ti"].xcom_push(key=_KEY, value=left)


def _log(job: Job, context: Mapping[str, Any], day: date, error: str) -> None:
    """Say what to do in lines of their own, after the traceback and outside of the group that Airflow has opened."""
    failed = context["ti"].task_id
    log.info("::endgroup::")
    log.error("%s: score date %s: task %s failed. Owner: %s", job.name, day, failed, job.owner)
    for line in error.splitlines():
        log.error("%s", line)
    log.error(
        "What was published before stays. Put right what is said above, then clear the task %s and those after it: "
        "%s.",
        (again := task_to_clear(error, failed)),
        "the run goes on from there" if again == failed else "a new run begins",
    )


def _failed(job: Job, context: Mapping[str, Any]) -> str | None:
    run, ti = context["dag_run"], context["ti"]
    for task in _TASKS if job.ready else _TASKS[1:]:
        states = ti.get_task_states(dag_id=run.dag_id, task_ids=[task], run_ids=[run.run_id])
        if "failed" in states.get(run.run_id, {}).values():
            return task
    return None


def left_by(context: Mapping[str, Any], task: str) -> Mapping[str, Any]:
    """What the first failed copy of a task has handed over; a killed one nothing."""
    for left in context["ti"].xcom_pull(task_ids=[task], key=_KEY) or ():
        if isinstance(left, Mapping) and {"error", "kind", "kept"} <= left.keys():
            return left
    return {"error": _KILLED, "kind": "Killed", "kept": f"Killed: {_KILLED}"}
