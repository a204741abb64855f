"""What the tasks of the DAGs do: JSON in, a function of `pipeline` called, JSON out, the outcome in Airflow's words.

Heavy imports stay inside the functions: Airflow reads the DAG files again and again.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from orchestration import credentials, exporters, failure, notify
from orchestration.challenger import tasks as challenger
from orchestration.context import FORM, outcome, request_of, require_known, score_date, workspace_of
from pipeline.config import loader, workspace
from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection
from pipeline.errors import NothingToDo, ScoringError

log = logging.getLogger(__name__)

Json = dict[str, Any]


def ready(job: Job, section: ReadySection, context: Mapping[str, Any]) -> Json:
    """Look whether the source of the DAG run's score date is complete; returns what was seen.

    Between two looks the task is rescheduled: it has no process then, no slot and no trigger, and Airflow's database
    knows when it is to look again.

    Raises:
        AirflowRescheduleException: it is not, and there is time to look again.
    """
    from pipeline.extraction import readiness
    from pipeline.punctuality import due

    run, now = context["dag_run"], datetime.now(UTC)
    with outcome():
        require_known(context, *FORM)
        workspace, day = workspace_of(job, warehouse=True), score_date(job, context)
        began = run.start_date or now
        waited = (now - began).total_seconds()
        # A backfill does not wait: it would keep all the later dates waiting.
        until = now if run.run_type == "backfill" else due.wait_until(job, section, day, began)
        seen = readiness.look(workspace, job, section, day).model_copy(update={"seconds": waited})
        if seen.ready or now >= until:
            log.info("%s %s: %s", job.name, day, readiness.describe(section, seen))
            return readiness.resolve(job, section, day, seen).json_value()
        again = min(now + readiness.pause(waited), until)
    answer = f"{section.query} says not yet, and is asked again at {again:%H:%M:%S} UTC"
    log.info("%s %s: %s; the run waits until %s", job.name, day, answer, until.isoformat(timespec="seconds"))
    raise AirflowRescheduleException(again)  # type: ignore[no-untyped-call]


def extract(job: Job, context: Mapping[str, Any], seen: Json | None = None) -> Json:
    """Extract the rows of the DAG run's score date; returns the run.

    Args:
        job: what to score.
        context: of the task.
        seen: what the task `ready` has returned, of a job that has one.
    """
    from pipeline.payloads import Readiness
    from pipeline.runs.code_version import read
    from pipeline.tasks.extract import extract

    with outcome():
        workspace, day = workspace_of(job, warehouse=True), score_date(job, context)
        readiness = read(Readiness, seen) if seen else None
        request = request_of(context).model_copy(update={"readiness": readiness})
        return extract(workspace, job, day, request).json_value()


def load_model(job: Job, run: Json) -> list[Json]:
    """Verify a run's model; returns the parts to score with it."""
    from pipeline.payloads import Run
    from pipeline.runs.code_version import read
    from pipeline.tasks.load_model import load_model

    with outcome():
        return [part.json_value() for part in load_model(workspace.files(), job, read(Run, run))]


def predict(job: Job, part: Json) -> Json:
    """Score one part; returns the scored part."""
    from pipeline.payloads import PartTask
    from pipeline.runs.code_version import read
    from pipeline.tasks.predict import predict

    with outcome():
        return predict(workspace.files(), job, read(PartTask, part)).json_value()


def note_failure(job: Job, context: Mapping[str, Any]) -> None:
    """Note why a task failed that could not note it itself, and notify people."""
    with outcome():
        failure.note(job, context)


def write(job: Job, scored: Json) -> Json:
    """Write one scored part; returns the written part."""
    from pipeline.payloads import Scored
    from pipeline.runs.code_version import read
    from pipeline.tasks.write import write

    with outcome():
        return write(workspace_of(job), job, read(Scored, scored)).json_value()


def log_metrics(job: Job, run: Json, written: list[Json]) -> Json:
    """Measure a run; returns the gate's verdict."""
    from pipeline.payloads import Run, Written
    from pipeline.runs.code_version import read
    from pipeline.tasks.log_metrics import log_metrics

    with outcome():
        parts = [read(Written, part) for part in written]
        return log_metrics(workspace_of(job), job, read(Run, run), parts).json_value()


def fallback(job: Job, context: Mapping[str, Any]) -> None:
    """Serve what the job names in place of a run that failed, and end as failed all the same."""
    from pipeline.tasks.fallback import serve

    with outcome():
        day, trigger = score_date(job, context), context["dag_run"].run_id
        if context["params"].get("dry_run"):
            raise NothingToDo("a dry run is served by nothing else")
        workspace = workspace_of(job, warehouse=True)
        with credentials.hidden():  # the job may have another model score
            served = serve(workspace, job, day, trigger=trigger, reason=f"{trigger} failed")
    raise failure.Served(
        f"{served}. The run itself failed: put right what its failed task says, and clear that task."
    )


def measure(job: Job, context: Mapping[str, Any], days: int) -> Json:
    """Compare a score date's published scores with the outcomes; returns the evaluation.

    Args:
        job: whose scores.
        context: of the task.
        days: from the score date to the day on which the outcomes are known.
    """
    from pipeline.evaluation.outcomes import evaluate

    with outcome():
        require_known(context, "score_date")
        measured = evaluate(workspace_of(job, warehouse=True), job, score_date(job, context, days))
    exporters.send_outcomes(job, measured)
    notify.notify_outcomes(job, context, measured)
    notify.notify_quality(job, context, measured)
    challenger.measure(job, context, measured)
    if job.outcomes and job.outcomes.recheck:
        _recheck(job, context, measured.score_date)
    return measured.json_value()


def _recheck(job: Job, context: Mapping[str, Any], day: date) -> None:
    """Hold a published run against its source, once more; that it cannot be is no reason to measure again."""
    from pipeline.late_data.recheck import RecheckError, recheck

    with outcome():
        try:
            done = recheck(workspace_of(job, warehouse=True), job, day)
        except RecheckError as error:
            log.warning("%s", error)
            return
    exporters.send_late(job, done)
    notify.notify_late(job, context, done)


def prune(context: Mapping[str, Any]) -> Json:
    """Remove what is due of every job, and log what went; returns how much."""
    from pipeline.maintenance import removed_jobs, retention

    folder = workspace.home() / "dags"
    usable, broken = loader.read_all(folder)
    for error in broken:
        log.warning("%s\nNothing of that job was removed.", error)
    try:
        filed = [path.stem for path in loader.files(folder)]
        gone = removed_jobs.connections(_janitor, workspace.store(), usable, filed)
        dry_run = context["params"]["dry_run"]
        pruned = retention.prune(_janitor, workspace.store(), usable, gone, dry_run=dry_run)
    except ScoringError as error:
        raise AirflowFailException(str(error)) from None
    for item in pruned.gone:
        log.info("%s", item)
    for reason in pruned.postponed:
        log.warning("%s", reason)
    return {"items": len(pruned.gone), "rows": sum(item.rows or 0 for item in pruned.gone)}


def _janitor(conn_id: str) -> str:
    from pipeline.databases import connections

    return connections.postgres(Connection.get(conn_id).get_uri(), conn_id)
