"""The failure of a training task that has no database: people are told in its place, and the training rows go."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from orchestration import failure, notify
from orchestration.context import outcome, workspace_of
from pipeline.config.job import Job

TRAIN = "train"
_LONGEST, _LONGEST_KIND = 2000, 100


def note(job: Job, context: Mapping[str, Any], days: int) -> None:
    """Remove the training rows of a training that failed, and tell people where its task could not.

    Args:
        job: whose model is trained.
        context: of the task.
        days: from a score date to the day on which its outcomes are known.

    Raises:
        AirflowSkipException: the task that failed has told people itself.
    """
    from pipeline.candidates import handover

    run, ti = context["dag_run"], context["ti"]
    with outcome():
        handover.remove(workspace_of(job).store, job.name, run.run_id)
    states = ti.get_task_states(dag_id=run.dag_id, task_ids=[TRAIN], run_ids=[run.run_id])
    if "failed" not in states.get(run.run_id, {}).values():
        raise AirflowSkipException(f"{TRAIN} has not failed; the task that has told people itself")
    left, day = failure.left_by(context, TRAIN), failure.day_of(job, context, days)
    kind = str(left["kind"])[:_LONGEST_KIND]
    # As a run's row has it: a training function may quote a value, and a message goes to more people than a log.
    error = str(left["kept"])[:_LONGEST].removeprefix(f"{kind}: ")
    notify.notify_noted(job, context, day, TRAIN, error, kind)
