"""What the tasks of a run's reasons do, after it is published or held. Nothing of it fails or delays a run.

`begin_reasons` and `end_reasons` have the predictions database and no model; `explain` has a model's process and no
database. A part that fails is a failed task, a row of `scoring.explanations` and a count, and no failed run: the last
task waits for all of them and ends well.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration._airflow import send_count, send_gauge
from orchestration.aside.tasks import harmless
from orchestration.context import workspace_of
from pipeline.config import workspace
from pipeline.config.job import Job

log = logging.getLogger(__name__)

Json = dict[str, Any]

BEGIN, EXPLAIN = "begin_reasons", "explain"
_KEY = "outcome"


def begin(job: Job, context: Mapping[str, Any], run: Mapping[str, Any]) -> list[Json]:
    """Note that a run is being explained; returns its parts.

    Args:
        job: with a section `[reasons]`.
        context: of the task.
        run: what `extract` returned.
    """
    from pipeline.reasons import tries

    with harmless(context):
        return [part.json_value() for part in tries.begin(workspace_of(job), job, run["run_id"])]
    raise AssertionError  # `harmless` raises whatever was raised


def explain(context: Mapping[str, Any], work: Json) -> Json:
    """Explain one part's scores; returns what became of it.

    Raises:
        AirflowFailException: not all of them could be, which `end` notes.
    """
    from pipeline.reasons import explaining
    from pipeline.reasons.work import PartWork
    from pipeline.runtime import resources

    resources.limit_threads()
    outcome = explaining.attempt(workspace.files(), PartWork.read(dict(work)))
    if outcome.failure:
        context["ti"].xcom_push(key=_KEY, value=outcome.json_value())
        raise AirflowFailException(outcome.failure)
    return outcome.json_value()


def end(job: Job, context: Mapping[str, Any]) -> None:
    """Keep the reasons of all parts that were explained, also where a part's task was killed."""
    from pipeline.reasons import tries
    from pipeline.reasons.work import Outcome, PartWork, read

    ti = context["ti"]
    if not (parts := ti.xcom_pull(task_ids=BEGIN)):
        raise AirflowSkipException("no reasons were begun")
    places = range(len(parts))
    with harmless(context):
        left = _left(ti.xcom_pull(task_ids=EXPLAIN, map_indexes=places), len(parts))
        failed = _left(ti.xcom_pull(task_ids=EXPLAIN, map_indexes=places, key=_KEY), len(parts))
        outcomes = read(Outcome, [done or other for done, other in zip(left, failed, strict=True)])
        failure = tries.end(workspace_of(job), read(PartWork, list(parts)), outcomes)
        done = [outcome for outcome in outcomes if outcome]
        send_count(f"scoring.{job.name}.{'reasons_incomplete' if failure else 'explained'}")
        for name, value in (
            ("largest_gap", max((outcome.gap for outcome in done), default=0.0)),
            ("coverage", _share(sum(one.explained for one in done), sum(one.wanted for one in done))),
        ):
            send_gauge(f"scoring.{job.name}.reasons:{name}", value)


def _left(values: Sequence[Any] | None, number: int) -> list[Any]:
    """What each part's task has left; None of one that has left nothing."""
    return list(values) if values else [None] * number


def _share(explained: int, wanted: int) -> float:
    return explained / wanted if wanted else 1.0
