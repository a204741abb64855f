"""What a message is about, and what all messages have: a title, a cause of which each is sent once, the owner."""

from dataclasses import dataclass
from datetime import date

from pipeline.config.job import Job
from pipeline.integrations.outbox import Alert


@dataclass(frozen=True)
class Subject:
    """What a message is about.

    Attributes:
        job: what is scored.
        score_date: the day whose rows are scored.
        trigger: what started it; another one may report on the same score date again.
        backfill: the day on which a backfill came to it, else None. Its runs report one cause together, once a day.
        task: address of the task in Airflow, with its log.
        report: address of the run's report.
    """

    job: Job
    score_date: date
    trigger: str
    backfill: date | None
    task: str
    report: str


def alert(subject: Subject, event: str, cause: str, body: list[str], run_id: int | None) -> Alert:
    """A message.

    Args:
        subject: the job and the score date.
        event: how the title goes on after them.
        cause: what brought it about; of a backfill's runs each cause is told once.
        body: its paragraphs: one that is short and has the reason, what to type (`$ `), links (`WORDS: ADDRESS`).
        run_id: the run, where there is one.
    """
    name = subject.job.name
    if subject.backfill:
        which = f"{name}, backfill, {subject.backfill}"
        body = [
            *body,
            "This is one run of a backfill. Others of the same cause are counted, and get no message of their own.",
        ]
    else:
        which = f"run {run_id}" if run_id else f"{name} {subject.score_date} {subject.trigger}"
    return Alert(
        job=name,
        score_date=subject.score_date,
        cause=f"{which}: {cause}",
        title=f"{name} {subject.score_date}: {event}",
        body="\n\n".join([*body, f"Owner: {subject.job.owner}"]),
        run_id=run_id,
    )
