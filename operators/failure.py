"""The failure of a task that has no database: handed over as text, noted and told by a task that has one."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from operators import telling
from operators.stage import places_of
from pipeline.errors import kept_text
from pipeline.job import Job

# Those of the queue `model`, in their order.
_TASKS = ("load_model", "predict")
_KEY = "failure"
_LONGEST = 2000


def hand_over(context: Mapping[str, Any]) -> None:
    """Leave a failed task's error for `note`."""
    error = context.get("exception")
    cause = getattr(error, "__cause__", None) or error
    text = {
        "error": str(error)[:_LONGEST],
        "kind": type(cause).__name__,
        "kept": kept_text(cause)[:_LONGEST] if cause else "",
    }
    context["ti"].xcom_push(key=_KEY, value=text)


def note(job: Job, context: Mapping[str, Any]) -> None:
    """Note in the run's row why a task of the queue `model` failed, and tell people.

    Raises:
        AirflowSkipException: none has failed; another task has, which says so itself.
    """
    from pipeline import ledger

    task = _failed(context)
    if task is None:
        raise AirflowSkipException(f"{' and '.join(_TASKS)} have not failed")
    error, kind, kept = _handed_over(context, task)
    run = context["ti"].xcom_pull(task_ids="extract")
    ledger.note_failure(places_of(job).predictions, int(run["run_id"]), kept)
    telling.tell_noted(job, context, task, error, kind)


def _failed(context: Mapping[str, Any]) -> str | None:
    run, ti = context["dag_run"], context["ti"]
    for task in _TASKS:
        states = ti.get_task_states(dag_id=run.dag_id, task_ids=[task], run_ids=[run.run_id])
        if "failed" in states.get(run.run_id, {}).values():
            return task
    return None


def _handed_over(context: Mapping[str, Any], task: str) -> tuple[str, str, str]:
    """The first error that a task handed over, its kind, and what of it is kept.

    Text and no more, for the task's process has run a pickle.
    """
    for left in context["ti"].xcom_pull(task_ids=[task], key=_KEY) or ():
        if isinstance(left, Mapping):
            return (
                str(left.get("error"))[:_LONGEST],
                str(left.get("kind"))[:100],
                str(left.get("kept"))[:_LONGEST],
            )
    text = "It was ended from outside, or by its model; its log is all that it left."
    return text, "Killed", f"Killed: {text}"
