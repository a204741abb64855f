"""What the tasks of a challenger do, after a run is published or held. Nothing of it fails or delays a run.

`begin_challenge` and `end_challenge` have the predictions database and no model; `challenge` has a model's process and
no database. A challenger that fails is a failed task, a row of `scoring.challenges` and a count, and no failed run: the
last task waits for both and ends well.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration import notify
from orchestration._airflow import send_count, send_gauge
from orchestration.aside.tasks import harmless
from orchestration.context import workspace_of
from pipeline.config import workspace
from pipeline.config.job import Job

if TYPE_CHECKING:
    from pipeline.payloads import Evaluation

log = logging.getLogger(__name__)

BEGIN, SCORE = "begin_challenge", "challenge"
_KEY = "outcome"


def begin(job: Job, context: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the run's challenger, and note that it begins; returns what it is to score.

    Args:
        job: with a section `[challenger]`.
        context: of the task.
        run: what `extract` returned.
    """
    from pipeline.challenger import tries

    with harmless(context):
        return tries.begin(workspace_of(job), job, run["run_id"]).json_value()
    raise AssertionError  # `harmless` raises whatever was raised


def challenge(job: Job, context: Mapping[str, Any], work: Mapping[str, Any]) -> dict[str, Any]:
    """Score the run's parts by the challenger; returns what became of it.

    Raises:
        AirflowFailException: it failed, which `end` notes.
    """
    from pipeline.challenger import tries
    from pipeline.runtime import resources

    resources.limit_threads()
    outcome = tries.attempt(workspace.files(), job, tries.Try.read(dict(work)))
    if outcome.failure:
        context["ti"].xcom_push(key=_KEY, value=outcome.json_value())
        raise AirflowFailException(outcome.failure)
    return outcome.json_value()


def end(job: Job, context: Mapping[str, Any]) -> None:
    """Note what became of the challenger, also where its task was killed."""
    from pipeline.challenger import tries

    ti = context["ti"]
    if not (work := ti.xcom_pull(task_ids=BEGIN)):
        raise AirflowSkipException("no challenger has begun")
    left = ti.xcom_pull(task_ids=SCORE) or ti.xcom_pull(task_ids=SCORE, key=_KEY)
    with harmless(context):
        outcome = tries.Outcome.read(left) if left else tries.Outcome(failure=tries.KILLED)
        failure = tries.end(workspace_of(job), tries.Try.read(work), outcome)
        send_count(f"scoring.{job.name}.{'challenge_failed' if failure else 'challenged'}")


@notify.harmless
def measure(job: Job, context: Mapping[str, Any], measured: "Evaluation") -> None:
    """Compare a run with its challenger once its outcomes are known, and notify people of a verdict."""
    from pipeline.challenger import measuring, messages

    standing = measuring.measure(workspace_of(job, warehouse=True), job, measured.score_date)
    if standing is None:
        return
    together = standing.together
    for name, value in (("mean_difference", together.mean), ("evidence", together.evidence)):
        send_gauge(f"scoring.{job.name}.challenger:{name}", value)
    if alert := messages.alert(notify.measured_subject(job, context, measured), standing):
        notify.send(job, alert)
