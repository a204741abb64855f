"""What is said of a DAG run that has no report: what happened to its tasks, and never that nothing did."""

from collections.abc import Mapping

# As a task that failed leaves it; see orchestration/failure.py.
FAILURE = "failure"

_FAILED = ("failed", "upstream_failed")


def say(states: Mapping[str, str | None], errors: Mapping[str, str]) -> list[str]:
    """Sentences on a DAG run without a report.

    Args:
        states: task -> how it ended; the worst where it has copies.
        errors: task -> what it left when it failed.
    """
    if not states:
        return ["This DAG run has begun no task yet. A report is there once its first task has begun a run."]
    failed = [task for task, state in states.items() if state == "failed"]
    if failed:
        return [
            *(
                f"The task {task} failed: {errors[task]}"
                if task in errors
                else f"The task {task} failed. It was ended from outside, or before it could begin: see its log."
                for task in failed
            ),
            "What was published before stays. Put right what is said here, then clear the task.",
        ]
    skipped = [task for task, state in states.items() if state == "skipped"]
    if any(state in _FAILED for state in states.values()):
        return ["A task before it failed, so that this DAG run ended without a report. See its tasks' logs."]
    if skipped and all(state in ("skipped", "success") for state in states.values()):
        return [f"There was nothing to do, so there is no report: the log of the task {skipped[0]} says why."]
    if all(state == "success" for state in states.values()):
        return ["This DAG run has done its work, and its kind has no report: see its tasks' logs."]
    return ["This DAG run is not finished. A report is there once its first task has begun a run."]
