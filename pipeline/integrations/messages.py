"""What the messages say: which job and night, what is unusual in words and numbers, what to do, and where to look.

The only links in them are our own: whatever may hold a value of the data goes through `plain`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from pipeline.config.job import Job
from pipeline.integrations.outbox import Alert
from pipeline.payloads import Finding, HeldRun, Run, Verdict
from pipeline.plain_text import line, plain

if TYPE_CHECKING:
    from pipeline.payloads import Evaluation


@dataclass(frozen=True)
class Subject:
    """The night that a message is about.

    Attributes:
        job: what is scored.
        score_date: the day whose rows are scored.
        trigger: what started it; another one may tell of the same night again.
        backfill: the day on which a backfill came to it, else None. Its nights tell of one cause together, once a day.
        task: address of the task in Airflow, with its log.
        report: address of the run's report.
    """

    job: Job
    score_date: date
    trigger: str
    backfill: date | None
    task: str
    report: str


def held(night: Subject, run: Run, verdict: Verdict, meanwhile: str, form: str) -> Alert:
    """A run waits for a person.

    Args:
        night: the night.
        run: the run.
        verdict: what the gate's checks found in it.
        meanwhile: what analysts see until it is decided.
        form: address of where to decide.
    """
    body = [
        _counts(run, verdict),
        f"Unusual:\n{listed(list(verdict.findings))}",
        f"{line(meanwhile)} Approve or reject it: {form}",
        f"Its report: {night.report}",
    ]
    return _alert(night, "held, and waits for a decision", _checks("held", verdict), body, run.run_id)


def waiting(night: Subject, run: HeldRun, deadline: datetime, form: str) -> Alert:
    """A run still waits for a person, and not for much longer.

    Args:
        night: the night.
        run: the run.
        deadline: until when it waits.
        form: address of where to decide.
    """
    gate = night.job.gate
    body = [
        f"Run {run.run_id} of {run.job}, score date {run.score_date}, is held, and nobody has decided on it.",
        f"At {deadline:%Y-%m-%d %H:%M} UTC it is {TIMED_OUT[gate.on_timeout]}. Approve or reject it before: {form}",
        f"Its report: {night.report}",
    ]
    return _alert(night, "still waits for a decision", "reminder", body, run.run_id)


def refused(night: Subject, run: HeldRun, refusal: str, form: str) -> Alert:
    """Somebody answered who may not decide; the run waits on."""
    body = [
        f"An answer to run {run.run_id} of {run.job}, score date {run.score_date}, does not count: {line(refusal)}",
        f"The run waits on. Approve or reject it: {form}",
    ]
    return _alert(night, "an answer does not count", f"refused: {refusal}", body, run.run_id)


def unusual(night: Subject, run: Run, verdict: Verdict) -> Alert:
    """A run was published, and its checks found something all the same."""
    body = [
        _counts(run, verdict),
        f"Unusual:\n{listed(list(verdict.findings))}",
        f"Look at it: {night.report}",
    ]
    return _alert(night, "published, with something unusual", _checks("unusual", verdict), body, run.run_id)


def unlike(night: Subject, measured: "Evaluation") -> Alert:
    """The real results say that the model errs unlike in some groups, and that it is no chance."""
    known = measured.metrics
    figures = [f"{said} {known[name]:.3g}" for name, said in _FIGURES.items() if name in known]
    body = [
        f"Run {measured.run_id} of {measured.job}, score date {measured.score_date}: {known['outcomes']:.0f} of "
        f"{known['sampled']:.0f} entities have a result; {', '.join(figures)}.",
        "Groups differ more than chance allows:\n"
        + "\n".join(f"- {line(alarm)}" for alarm in measured.alarms),
        f"Look at it: {night.report}\nThe task that measured it: {night.task}",
    ]
    return _alert(night, "groups fare differently", "outcomes", body, measured.run_id)


def failed(night: Subject, task: str, error: str, kind: str) -> Alert:
    """A task failed for good; a failed night has one message, however many of its tasks fail.

    Args:
        night: the night.
        task: the first that failed.
        error: why.
        kind: the error's type: nights of a backfill that fail with the same one share a message.
    """
    body = [
        plain(error),
        "What was published before stays. Put right what the message says, then clear the task "
        f"{task} and those after it: {night.task}",
        f"Its report: {night.report}",
    ]
    cause = f"failed: {task}: {kind}" if night.backfill else "failed"
    return _alert(night, f"failed in {task}", cause, body, None)


def stood_in(night: Subject, text: str, kind: str | None) -> Alert:
    """What analysts see of a night that failed.

    Args:
        night: the night.
        text: what was served in its place, or why nothing was.
        kind: the error's type where the fallback has failed, too; None where it was served.
    """
    if kind is None:
        title, cause = "failed, and this is what analysts see", "fallback"
        body = [plain(text), f"The task that served it: {night.task}"]
    else:
        title, cause = "failed, and its fallback failed, too", "fallback failed"
        cause += f": {kind}" if night.backfill else ""
        body = [
            plain(text),
            "Nothing new stands in for the night: analysts keep what was published before. To serve it after all, "
            f"clear the task fallback: {night.task}",
        ]
    return _alert(night, title, cause, [*body, f"The night's report: {night.report}"], None)


def _alert(night: Subject, what: str, cause: str, body: list[str], run_id: int | None) -> Alert:
    name = night.job.name
    if night.backfill:
        which = f"{name}, backfill, {night.backfill}"
        body = [
            *body,
            "One night of a backfill; others of the same cause are counted, and not told one by one.",
        ]
    else:
        which = f"run {run_id}" if run_id else f"{name} {night.score_date} {night.trigger}"
    return Alert(
        job=name,
        score_date=night.score_date,
        cause=f"{which}: {cause}",
        title=f"{name} {night.score_date}: {what}",
        body="\n\n".join([*body, f"Owner: {night.job.owner}"]),
        run_id=run_id,
    )


def _checks(word: str, verdict: Verdict) -> str:
    return f"{word}: {', '.join(sorted({finding.check for finding in verdict.findings}))}"


def _counts(run: Run, verdict: Verdict) -> str:
    return (
        f"Run {run.run_id} of {run.job}, score date {run.score_date}: {run.rows_extracted} rows extracted, "
        f"{run.rows_rejected} rejected, {verdict.rows_scored} scored by {run.model_name} version {run.model_version}."
    )


# What a figure is called, of those that tell most.
_FIGURES = {
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
