"""Tell people of a night. Whatever goes wrong here is logged: no message fails a night."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from orchestration.context import cause_of, connection, places_of, score_date
from pipeline.config.job import Job

if TYPE_CHECKING:
    from pipeline.integrations.messages import Subject
    from pipeline.integrations.outbox import Alert
    from pipeline.payloads import Evaluation, HeldRun, Run, Verdict

log = logging.getLogger(__name__)

Given = ParamSpec("Given")


def harmless(tell: Callable[Given, None]) -> Callable[Given, bool]:
    """Log whatever `tell` raises, and go on; returns whether it raised nothing."""

    @wraps(tell)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> bool:
        try:
            tell(*args, **kwargs)
        except Exception as error:
            log.exception("%s: the night goes on without it: %s", tell.__name__, error)
            return False
        return True

    return told


@harmless
def tell_held(
    job: Job, context: Mapping[str, Any], run: "Run", verdict: "Verdict", meanwhile: str, form: str
) -> None:
    """Tell people that a run waits for them."""
    from pipeline.integrations import messages

    _tell(job, messages.held(_night(job, context), run, verdict, meanwhile, form))


@harmless
def tell_waiting(job: Job, context: Mapping[str, Any], run: "HeldRun", deadline: datetime, form: str) -> None:
    """Remind people of a run that waits for them."""
    from pipeline.integrations import messages

    _tell(job, messages.waiting(_night(job, context), run, deadline, form))


@harmless
def tell_refused(job: Job, context: Mapping[str, Any], run: "HeldRun", refusal: str, form: str) -> None:
    """Tell people that an answer does not count."""
    from pipeline.integrations import messages

    _tell(job, messages.refused(_night(job, context), run, refusal, form))


@harmless
def tell_published(job: Job, context: Mapping[str, Any], run: "Run", verdict: "Verdict") -> None:
    """Tell people what is unusual about a published run, if anything, and what could not be sent before.

    Of a run that was held they know, and of one that they approved all the more.
    """
    from pipeline.integrations import messages, outbox

    if verdict.findings and verdict.passed:
        _tell(job, messages.unusual(_night(job, context), run, verdict))
    elif job.alerts.to is not None and outbox.waiting(uri := places_of(job).predictions, job.alerts.to):
        outbox.send(uri, job.alerts.to, addresses(job.alerts.to))


@harmless
def tell_failure(job: Job, context: Mapping[str, Any], night: date, error: str) -> None:
    """Tell people that a task failed for good; of a run that was held or rejected they know."""
    from pipeline.integrations import messages
    from pipeline.runs.publications import Held, Rejected

    ti, cause = context["ti"], cause_of(context.get("exception"))
    if not isinstance(cause, Held | Rejected):
        # Where nothing can be kept, nobody knows what was told before: of many mapped tasks the first one tells.
        first = (ti.map_index or 0) <= 0
        alert = messages.failed(_night(job, context, night), ti.task_id, error, type(cause).__name__)
        _tell(job, alert, unkept=first)


@harmless
def tell_noted(
    job: Job, context: Mapping[str, Any], night_of: date, task: str, error: str, kind: str
) -> None:
    """Tell people that another task of the same DAG run failed for good, which could not tell them."""
    from pipeline.integrations import messages

    night = _night(job, context, night_of)
    failed = f"{night.task.partition('/tasks/')[0]}/tasks/{task}"
    _tell(job, messages.failed(replace(night, task=failed), task, error, kind))


@harmless
def tell_fallback(job: Job, context: Mapping[str, Any], night: date, text: str, *, served: bool) -> None:
    """Tell people what analysts see of a night that failed; `text` is the task's, or why nothing was served."""
    from pipeline.integrations import messages

    name = type(cause_of(context.get("exception"))).__name__
    alert = messages.stood_in(_night(job, context, night), text, None if served else name)
    _tell(job, alert, unkept=True)


@harmless
def tell_outcomes(job: Job, context: Mapping[str, Any], measured: "Evaluation") -> None:
    """Tell people of what the real results give cause for alarm about, if anything."""
    from pipeline.integrations import messages

    for alarm in measured.alarms:
        log.warning("groups differ more than chance allows: %s", alarm)
    if measured.alarms:
        night = _night(job, context, date.fromisoformat(measured.score_date))
        # The DAG run that measured has scored nothing, and no report of its own.
        web = night.task.partition("/dags/")[0]
        report = f"{web}/scoring/dags/{job.name}/reports/{measured.run_id}"
        _tell(job, messages.unlike(replace(night, report=report), measured))


def _tell(job: Job, alert: "Alert", *, unkept: bool = False) -> None:
    from pipeline.integrations import outbox

    if job.alerts.to is not None:
        uri = places_of(job).predictions
        outbox.enqueue_and_send(uri, job.alerts.to, addresses(job.alerts.to), alert, unkept=unkept)


def addresses(name: str) -> tuple[str, ...]:
    """The addresses of an Apprise connection.

    Raises:
        UsageError: there are none.
    """
    from pipeline.databases.connections import AddressError
    from pipeline.integrations import outbox

    try:
        extra = connection(name).extra_dejson
    except AddressError:
        extra = {}  # its remedy is a database's
    return outbox.addresses(extra, name)


def _night(job: Job, context: Mapping[str, Any], night: date | None = None) -> Subject:
    from pipeline.integrations.messages import Subject

    run, task = context["dag_run"], context["ti"].log_url
    return Subject(
        job=job,
        score_date=night or score_date(job, context),
        trigger=f"{run.run_id} {run.clear_number or 0}",
        backfill=datetime.now(UTC).date() if run.run_type == "backfill" else None,
        task=task,
        report=f"{task.partition('/tasks/')[0]}/plugin/report",  # a tab by plugins/scoring_pages.py
    )
