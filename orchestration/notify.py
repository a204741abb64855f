"""Notify people of a run. Whatever goes wrong here is logged: no message fails a run."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec
from urllib.parse import quote

from orchestration.context import cause_of, connection, score_date, workspace_of
from pipeline.config.job import Job

if TYPE_CHECKING:
    from pipeline.candidates.candidate import Draft
    from pipeline.integrations.outbox import Alert
    from pipeline.integrations.subject import Subject
    from pipeline.late_data.result import Recheck
    from pipeline.payloads import Evaluation, HeldRun, Run, Verdict

log = logging.getLogger(__name__)

Given = ParamSpec("Given")


def harmless(notify: Callable[Given, None]) -> Callable[Given, bool]:
    """Log whatever `notify` raises, and go on; returns whether it raised nothing."""

    @wraps(notify)
    def notified(*args: Given.args, **kwargs: Given.kwargs) -> bool:
        try:
            notify(*args, **kwargs)
        except Exception as error:
            log.exception("%s: the run goes on without it: %s", notify.__name__, error)
            return False
        return True

    return notified


@harmless
def notify_held(
    job: Job, context: Mapping[str, Any], run: "Run", verdict: "Verdict", meanwhile: str, form: str
) -> None:
    """Notify people of a run that waits for them."""
    from pipeline.integrations import messages

    send(job, messages.held(_subject(job, context), run, verdict, meanwhile, form))


@harmless
def notify_waiting(
    job: Job, context: Mapping[str, Any], run: "HeldRun", deadline: datetime, form: str
) -> None:
    """Remind people of a run that waits for them."""
    from pipeline.integrations import messages

    send(job, messages.waiting(_subject(job, context), run, deadline, form))


@harmless
def notify_refused(job: Job, context: Mapping[str, Any], run: "HeldRun", refusal: str, form: str) -> None:
    """Notify people that an answer does not count."""
    from pipeline.integrations import messages

    send(job, messages.refused(_subject(job, context), run, refusal, form))


@harmless
def notify_published(job: Job, context: Mapping[str, Any], run: "Run", verdict: "Verdict") -> None:
    """Notify people what is unusual about a published run, if anything, and what could not be sent before.

    People know of a run that was held, of one that they approved all the more, and of what only goes on.
    """
    from pipeline.integrations import messages

    if verdict.passed and not all(finding.ongoing for finding in verdict.findings):
        send(job, messages.unusual(_subject(job, context), run, verdict))
    else:
        send_kept(job)


@harmless
def send_kept(job: Job) -> None:
    """Send what could not be sent before, if anything."""
    from pipeline.integrations import outbox

    if job.alerts.to is not None and outbox.waiting(uri := workspace_of(job).predictions, job.alerts.to):
        outbox.send(uri, job.alerts.to, addresses(job.alerts.to))


@harmless
def notify_failure(job: Job, context: Mapping[str, Any], day: date, error: str) -> None:
    """Notify people that a task failed for good; of a run that was held or rejected they know."""
    from pipeline.integrations import messages
    from pipeline.runs.publications import Held, Rejected

    ti, cause = context["ti"], cause_of(context.get("exception"))
    if not isinstance(cause, Held | Rejected):
        # Where nothing can be kept, nobody knows what was told before: of many mapped tasks the first one tells.
        first = (ti.map_index or 0) <= 0
        alert = messages.failed(_subject(job, context, day), ti.task_id, error, type(cause).__name__)
        send(job, alert, unkept=first)


@harmless
def notify_noted(job: Job, context: Mapping[str, Any], day: date, task: str, error: str, kind: str) -> None:
    """Notify people that another task of the same DAG run failed for good, which could not tell them."""
    from pipeline.integrations import messages

    subject = _subject(job, context, day)
    failed = f"{subject.task.partition('/tasks/')[0]}/tasks/{task}"
    send(job, messages.failed(replace(subject, task=failed), task, error, kind))


@harmless
def notify_fallback(job: Job, context: Mapping[str, Any], day: date, text: str, *, served: bool) -> None:
    """Notify people of what analysts see in place of a failed run; `text` is the task's, or why nothing was served."""
    from pipeline.integrations import messages

    name = type(cause_of(context.get("exception"))).__name__
    alert = messages.stood_in(_subject(job, context, day), text, None if served else name)
    send(job, alert, unkept=True)


@harmless
def notify_outcomes(job: Job, context: Mapping[str, Any], measured: "Evaluation") -> None:
    """Notify people of gaps between groups that the outcomes show, if any."""
    from pipeline.integrations import messages

    for alarm in measured.alarms:
        log.warning("groups differ more than chance allows: %s", alarm)
    if measured.alarms:
        send(job, messages.unlike(measured_subject(job, context, measured), measured))


@harmless
def notify_quality(job: Job, context: Mapping[str, Any], measured: "Evaluation") -> None:
    """Notify people once that the outcomes are worse than in training, and once that it is over."""
    from pipeline.evaluation import quality_alarm
    from pipeline.integrations import outbox, quality_messages

    if job.alerts.to is None or job.outcomes is None:
        return
    subject, rate = measured_subject(job, context, measured), job.outcomes.quality_alarm_rate
    write = partial(quality_messages.alert, subject, rate=rate)
    uri = workspace_of(job).predictions
    if quality_alarm.tell(uri, job.name, job.alerts.to, measured.quality, write):
        outbox.send(uri, job.alerts.to, addresses(job.alerts.to))


def measured_subject(job: Job, context: Mapping[str, Any], measured: "Evaluation") -> "Subject":
    """A score date whose outcomes were measured: the DAG run that did has scored nothing, and no report of its own."""
    subject = _subject(job, context, measured.score_date)
    web = subject.task.partition("/dags/")[0]
    return replace(subject, report=f"{web}/scoring/dags/{job.name}/reports/{measured.run_id}")


@harmless
def notify_candidate(job: Job, context: Mapping[str, Any], number: int, draft: "Draft") -> None:
    """Notify people once of a candidate that was entered, with its figures."""
    from pipeline.retraining import messages

    send(job, messages.alert(_subject(job, context, draft.training_end), number, draft))


@harmless
def notify_late(job: Job, context: Mapping[str, Any], done: "Recheck") -> None:
    """Notify people that a source has changed since its rows were scored, if by more than is usual."""
    from pipeline.late_data import messages

    finding = done.finding(job.outcomes.late_fraction if job.outcomes else 0.0)
    if finding:
        log.warning("%s: %s", finding.check, finding.message)
        subject = _subject(job, context, done.score_date)
        report = f"{subject.task.partition('/dags/')[0]}/scoring/dags/{job.name}/reports/{done.run_id}"
        send(job, messages.late(job, done, finding, subject.backfill, report))


def send(job: Job, alert: "Alert", *, unkept: bool = False) -> None:
    """Keep a message and send it, where the job names somebody to notify."""
    from pipeline.integrations import outbox

    if job.alerts.to is not None:
        uri = workspace_of(job).predictions
        outbox.enqueue_and_send(uri, job.alerts.to, addresses, alert, unkept=unkept)


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


def report_of(job: Job, context: Mapping[str, Any]) -> str:
    """Address of a DAG run's report, a page by itself: a phone has no room for Airflow around it."""
    web = context["ti"].log_url.partition("/dags/")[0]
    return f"{web}/scoring/dags/{job.name}/runs/{quote(context['dag_run'].run_id)}"


def _subject(job: Job, context: Mapping[str, Any], day: date | None = None) -> "Subject":
    from pipeline.integrations.subject import Subject

    run, task = context["dag_run"], context["ti"].log_url
    return Subject(
        job=job,
        score_date=day or score_date(job, context),
        trigger=f"{run.run_id} {run.clear_number or 0}",
        backfill=datetime.now(UTC).date() if run.run_type == "backfill" else None,
        task=task,
        report=report_of(job, context),
    )
