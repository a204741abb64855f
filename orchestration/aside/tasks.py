"""What the tasks have in common that work aside of a run, after it is published or held: a challenger's, and reasons'.

Nothing of them fails or delays the run, and nobody is sent a message: what became of them is noted with the run.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from orchestration import credentials
from pipeline.errors import ScoringError

log = logging.getLogger(__name__)

# The model's process is ended when its time is up; its task only where that did not help.
_GRACE = timedelta(minutes=5)


def options() -> dict[str, Any]:
    """How they differ from a job's other tasks: every other goes first, and a failure is nobody's message."""
    return {"priority_weight": 0, "on_failure_callback": _log}


def with_model(name: str, minutes: float) -> dict[str, Any]:
    """How one that has a model's process differs.

    Args:
        name: of the task, as `credentials.TASKS` has it.
        minutes: what the job file gives its process.
    """
    return {
        "queue": credentials.TASKS[name].queue,
        "execution_timeout": timedelta(minutes=minutes) + _GRACE,
        **options(),
    }


@contextmanager
def harmless(context: Mapping[str, Any]) -> Iterator[None]:
    """End a task as skipped where it cannot do its work: at once, or once its tries are used up for a passing fault."""
    try:
        yield
    except ScoringError as error:
        log.warning("%s", error)
        raise AirflowSkipException(str(error)) from None
    except Exception as error:
        if context["ti"].try_number <= context["ti"].max_tries:
            raise
        log.exception("the run goes on without this task")
        raise AirflowSkipException(str(error)) from None


def _log(context: Mapping[str, Any]) -> None:
    """Say what a failure means, and notify nobody: the last of the tasks aside keeps its reason."""
    log.info("::endgroup::")
    log.error("%s", context.get("exception"))
    log.error(
        "The run is published, or waits for a person, as it would without this task. Nothing is to be cleared."
    )
