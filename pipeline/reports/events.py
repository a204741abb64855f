"""Sentences on a DAG run that has no report: what happened to its tasks."""

from collections.abc import Mapping

# As a task that failed leaves it; see orchestration/failure.py.
FAILURE = "failure"

_FAILED = ("failed", "upstream_failed")


def describe(states: Mapping[str, str | None], errors: Mapping[str, str]) -> list[str]:
    """Sentences on a DAG run without a report.

    Args:
        states: task -> how it ended; the worst where it has copies.
        errors: task -> what it left when it failed.
    """
    if not states:
        return ["This DAG run has begun no task yet. Its report appears once its first task has begun a run."]
    failed = [task for task, state in states.items() if state == "failed"]
    if failed:
        return [
            *(
                f"The task {task} failed: {errors[task]}"
                if task in errors
                else f"The task {task} failed. It was ended from outside, or before it could begin. See its log."
                for task in failed
            ),
            "What was published before stays. Correct what the message says, then clear the task.",
        ]
    if states.get("ready") == "up_for_reschedule":
        return [
            "This DAG run waits until its source is ready. The log of the task ready says how long, at most."
        ]
    skipped = [task for task, state in states.items() if state == "skipped"]
    if any(state in _FAILED for state in states.values()):
        return ["A task failed, so this DAG run ended without a report. See its tasks' logs."]
    if skipped and all(state in ("skipped", "success") for state in states.values()):
        return [f"There was nothing to do, so there is no report. The log of the task {skipped[0]} says why."]
    if all(state == "success" for state in states.values()):
        return [
            "This DAG run has done its work, and DAG runs of its kind have no report. See its tasks' logs."
        ]
    return ["This DAG run is not finished. Its report appears once its first task has begun a run."]
