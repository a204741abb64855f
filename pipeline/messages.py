"""What the messages say: which job and night, what is unusual in words and numbers, what to do, and where to look."""

from dataclasses import dataclass
from datetime import date

from pipeline.alerts import Alert
from pipeline.hold import listed
from pipeline.job import Job
from pipeline.stage import Run, Verdict


@dataclass(frozen=True)
class Night:
    """The night that a message is about.

    Attributes:
        job: what is scored.
        score_date: the day whose rows are scored.
        trigger: what started it; another one may tell of the same night again.
        backfill: the day on which a backfill came to it, else None. Its nights tell of one cause together, once a day.
        link: where to look.
    """

    job: Job
    score_date: date
    trigger: str
    backfill: date | None
    link: str


def held(night: Night, run: Run, verdict: Verdict, meanwhile: str) -> Alert:
    """A run waits for a person.

    Args:
        night: the night.
        run: the run.
        verdict: what the gate's checks found in it.
        meanwhile: what analysts see until it is decided.
    """
    body = [
        _counts(run, verdict),
        f"Unusual:\n{listed(list(verdict.findings))}",
        f"{meanwhile} Approve or reject it: {night.link}",
    ]
    return _alert(night, "held, and waits for a decision", _checks("held", verdict), body, run)


def unusual(night: Night, run: Run, verdict: Verdict) -> Alert:
    """A run was published, and its checks found something all the same."""
    body = [_counts(run, verdict), f"Unusual:\n{listed(list(verdict.findings))}", f"Look at it: {night.link}"]
    return _alert(night, "published, with something unusual", _checks("unusual", verdict), body, run)


def failed(night: Night, task: str, error: BaseException | str | None) -> Alert:
    """A task failed for good; a failed night has one message, however many of its tasks fail.

    Args:
        night: the night.
        task: the first that failed.
        error: why.
    """
    body = [
        f"{error}",
        "What was published before stays. Put right what the message says, then clear the task "
        f"{task} and those after it: {night.link}",
    ]
    kind = type(getattr(error, "__cause__", None) or error).__name__
    cause = f"failed: {task}: {kind}" if night.backfill else "failed"
    return _alert(night, f"failed in {task}", cause, body, None)


def _alert(night: Night, what: str, cause: str, body: list[str], run: Run | None) -> Alert:
    name = night.job.name
    if night.backfill:
        which = f"{name}, backfill, {night.backfill}"
        body = [
            *body,
            "One night of a backfill; others of the same cause are counted, and not told one by one.",
        ]
    else:
        which = f"run {run.run_id}" if run else f"{name} {night.score_date} {night.trigger}"
    return Alert(
        job=name,
        score_date=night.score_date,
        cause=f"{which}: {cause}",
        title=f"{name} {night.score_date}: {what}",
        body="\n\n".join([*body, f"Owner: {night.job.owner}"]),
        run_id=run.run_id if run else None,
    )


def _checks(word: str, verdict: Verdict) -> str:
    return f"{word}: {', '.join(sorted({finding.check for finding in verdict.findings}))}"


def _counts(run: Run, verdict: Verdict) -> str:
    return (
        f"Run {run.run_id} of {run.job}, score date {run.score_date}: {run.rows_extracted} rows extracted, "
        f"{run.rows_rejected} rejected, {verdict.rows_scored} scored by {run.model_name} version {run.model_version}."
    )
