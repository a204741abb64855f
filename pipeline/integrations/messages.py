"""The texts of messages: which job and score date, what is unusual in words and numbers, what to do, where to look.

The only links in them are our own: whatever may hold a value of the data goes through `plain`.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.errors import task_to_clear
from pipeline.integrations.outbox import Alert
from pipeline.integrations.subject import Subject
from pipeline.integrations.subject import alert as _alert
from pipeline.payloads import Finding, HeldRun, Run, Verdict
from pipeline.plain_text import line, paragraph

if TYPE_CHECKING:
    from pipeline.payloads import Evaluation


def held(subject: Subject, run: Run, verdict: Verdict, meanwhile: str, form: str) -> Alert:
    """A run waits for a person.

    Args:
        subject: the job and the score date.
        run: the run.
        verdict: of the gate.
        meanwhile: what analysts see until it is decided.
        form: address of where to decide.
    """
    body = [
        f"{_counts(run, verdict)} {line(meanwhile)}",
        f"Unusual:\n{listed(list(verdict.findings))}",
        _decide(run.run_id),
        f"Approve or reject it: {form}\nIts report: {subject.report}",
    ]
    return _alert(subject, "held, and waits for a decision", _checks("held", verdict), body, run.run_id)


def waiting(subject: Subject, run: HeldRun, deadline: datetime, form: str) -> Alert:
    """A run still waits for a person, and not for much longer.

    Args:
        subject: the job and the score date.
        run: the run.
        deadline: until when it waits.
        form: address of where to decide.
    """
    gate = subject.job.gate
    body = [
        f"Run {run.run_id} of {run.job}, score date {run.score_date}, is held, and nobody has decided on it. "
        f"At {deadline:%Y-%m-%d %H:%M} UTC it is {TIMED_OUT[gate.on_timeout]}.",
        _decide(run.run_id),
        f"Approve or reject it before: {form}\nIts report: {subject.report}",
    ]
    return _alert(subject, "still waits for a decision", "reminder", body, run.run_id)


def refused(subject: Subject, run: HeldRun, refusal: str, form: str) -> Alert:
    """Somebody answered who may not decide; the run still waits."""
    body = [
        f"An answer to run {run.run_id} of {run.job}, score date {run.score_date}, does not count: {line(refusal)} "
        "The run still waits.",
        _decide(run.run_id),
        f"Approve or reject it: {form}",
    ]
    return _alert(subject, "an answer does not count", f"refused: {refusal}", body, run.run_id)


def unusual(subject: Subject, run: Run, verdict: Verdict) -> Alert:
    """A run was published, though something is unusual."""
    body = [
        _counts(run, verdict),
        f"Unusual:\n{listed(list(verdict.findings))}",
        f'$ scoring show {run.run_id}\n$ scoring rollback {run.job} {run.score_date} --reason "WHY"',
        f"Look at it: {subject.report}",
    ]
    return _alert(subject, "published, with something unusual", _checks("unusual", verdict), body, run.run_id)


def unlike(subject: Subject, evaluation: "Evaluation") -> Alert:
    """The outcomes show that the model errs more in some groups than chance allows."""
    metrics = evaluation.metrics
    captioned = [f"{caption} {metrics[name]:.3g}" for name, caption in _CAPTIONS.items() if name in metrics]
    body = [
        f"Run {evaluation.run_id} of {evaluation.job}, score date {evaluation.score_date}: "
        f"{metrics['outcomes']:.0f} of {metrics['sampled']:.0f} entities have an outcome; {', '.join(captioned)}.",
        "Groups differ more than chance allows:\n"
        + "\n".join(f"- {line(alarm)}" for alarm in evaluation.alarms),
        f"$ scoring report {evaluation.run_id}",
        f"Look at it: {subject.report}\nThe task that evaluated it: {subject.task}",
    ]
    return _alert(subject, "groups fare differently", "outcomes", body, evaluation.run_id)


def failed(subject: Subject, task: str, error: str, kind: str) -> Alert:
    """A task failed for good; a failed run has one message, however many of its tasks fail.

    Args:
        subject: the job and the score date.
        task: the first that failed.
        error: why.
        kind: the error's type: runs of a backfill that fail with the same one share a message.
    """
    body = [
        paragraph(error),
        "What was published before stays. Correct what the message says, then clear the task "
        f"{task_to_clear(error, task)} and those after it. Whether it is correct says:",
        f"$ scoring check {subject.job.name} --date {subject.score_date}",
        f"The task, with its log: {subject.task}\nIts report: {subject.report}",
    ]
    cause = f"failed: {task}: {kind}" if subject.backfill else "failed"
    return _alert(subject, f"failed in {task}", cause, body, None)


def stood_in(subject: Subject, text: str, kind: str | None) -> Alert:
    """What analysts see instead of a run that failed.

    Args:
        subject: the job and the score date.
        text: what the fallback published, or why it published nothing.
        kind: the error's type where the fallback has failed, too; None where it was published.
    """
    if kind is None:
        title, cause = "failed, and this is what analysts see", "fallback"
        body = [paragraph(text)]
        task = "The task that published it"
    else:
        title, cause = "failed, and its fallback failed, too", "fallback failed"
        cause += f": {kind}" if subject.backfill else ""
        body = [
            paragraph(text),
            "The fallback published nothing: analysts keep what was published before. To run it again, clear the task "
            "fallback.",
        ]
        task = "The task fallback, with its log"
    body += [
        f"$ scoring check {subject.job.name} --date {subject.score_date}",
        f"{task}: {subject.task}\nThe run's report: {subject.report}",
    ]
    return _alert(subject, title, cause, body, None)


def _decide(run_id: int) -> str:
    return "\n".join(f'$ scoring {word} {run_id} --reason "WHY"' for word in ("approve", "reject"))


def _checks(word: str, verdict: Verdict) -> str:
    return f"{word}: {', '.join(sorted({finding.check for finding in verdict.findings}))}"


def _counts(run: Run, verdict: Verdict) -> str:
    scored = verdict.rows_scored
    return (
        f"Run {run.run_id} of {run.job}, score date {run.score_date}: {run.rows_extracted} rows extracted, "
        f"{run.rows_extracted - scored} rejected, {scored} scored by {run.model_name} version {run.model_version}."
    )


# The metrics that a message names, and their captions.
_CAPTIONS = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "log_loss:base_rate": "that of the base rate",
    "rmse": "RMSE",
    "rmse:base_rate": "that of the mean",
    "bias": "bias",
}


def listed(findings: list[Finding]) -> str:
    """Findings as a list; no value of the data in them is a link."""
    return "\n".join(f"- {finding.check}: {line(finding.message)}" for finding in findings)


TIMED_OUT = {"approve": "approved", "reject": "rejected"}
