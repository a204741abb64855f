"""The text of the message about late data: how the source differs, and the command that scores the date again."""

from datetime import date

from pipeline.config.job import Job
from pipeline.integrations.outbox import Alert
from pipeline.late_data.result import Recheck
from pipeline.payloads import Finding
from pipeline.plain_text import line

TITLE = "the source has changed since"


def late(job: Job, done: Recheck, finding: Finding, backfill: date | None, report: str) -> Alert:
    """The source of a published run has rows that are new, gone or changed.

    Args:
        job: the job.
        done: how the source differs.
        finding: the same, as people are told.
        backfill: the day on which a backfill came to it, else None: its runs share a message a day.
        report: address of the run's report.
    """
    body = [
        f"Run {done.run_id} of {done.job}, score date {done.score_date}: {line(finding.message)}.",
        *done.notes,
        f"Analysts see the scores of the rows as they were. To score them as they are: {done.command}",
        f"Its report: {report}",
        f"Owner: {job.owner}",
    ]
    if backfill:
        body.insert(
            -1, "This is one run of a backfill. Others of the same cause get no message of their own."
        )
    counts = f"{done.rows_new} new, {done.rows_gone} gone, {done.rows_changed} changed"
    which = f"{job.name}, backfill, {backfill}: late data" if backfill else f"run {done.run_id}: {counts}"
    return Alert(
        job=job.name,
        score_date=done.score_date,
        cause=which,
        title=f"{job.name} {done.score_date}: {TITLE}",
        body="\n\n".join(body),
        run_id=done.run_id,
    )
