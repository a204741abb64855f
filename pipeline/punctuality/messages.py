"""The texts of messages about promises: what was promised, what became of it, and the command that puts it right."""

import os
from datetime import datetime, timedelta

from pipeline.config.job import Job
from pipeline.integrations.outbox import Alert
from pipeline.plain_text import line
from pipeline.punctuality.incidents import DueDate, News

# Cause -> how the title goes on after the job and the score date; then what happened, and what to do.
TITLES = {
    "late": "late: its run is not over",
    "missing": "missing: no run has begun",
    "skipped": "skipped by an outage",
    "held": "not published in time: its run is held",
    "failed": "not published in time: its run failed",
    "rejected": "not published in time: its run was rejected",
    "fallback": "not published in time: a fallback is served",
}
ALL_CLEAR = "published: all clear"
MENDED = "the job file can be used again: all clear"
_BECAME = {
    "late": "Its run has begun and is not over.",
    "missing": "No run has begun: the scheduler does not run, the DAG is paused, or its tasks wait.",
    "skipped": "No run has begun, and later score dates have one: Airflow does not make up for what it missed.",
    "held": "Its run was written, and waits for a decision.",
    "failed": "Its last run failed.",
    "rejected": "Its run was held, and rejected.",
    "fallback": "Its run failed, and analysts see what the job file's fallback serves.",
}
# Of a job with [ready], whose run begins after the task of that name.
_WAITS = "Or it waits until its source is ready: the log of the task `ready` says so."


def lapse(job: Job, news: News) -> Alert:
    """A promise is not kept."""
    cause = news.cause or ""
    last = news.dates[-1]
    reason = [f"Run {last.run_id}: {line(last.reason)}"] if last.reason and last.run_id else []
    waits = [_WAITS] if cause == "missing" and job.ready else []
    body = [
        " ".join([_promised(job, news.dates), _BECAME[cause], *waits]),
        *reason,
        _remedy(job, cause, news.dates),
    ]
    return _alert(job, news, TITLES[cause], cause, body)


def all_clear(job: Job, news: News) -> Alert:
    """All score dates of an incident are published."""
    became = [f"{one.score_date}: {'published' if one.status != 'empty' else 'no rows, which the job skips'}"
              for one in news.dates]  # fmt: skip
    return _alert(job, news, ALL_CLEAR, "all clear", ["\n".join(became), "Nothing is to be done."])


def mended(job: Job, since: datetime, now: datetime) -> Alert:
    """A job file can be used again, and no score date fell due meanwhile."""
    return Alert(
        job=job.name,
        score_date=now.astimezone(job.zone).date() - timedelta(days=job.days_back),
        cause=f"{job.name} broken since {since:%Y-%m-%d %H:%M:%S.%f}: mended",
        title=f"{job.name}: {MENDED}",
        body=f"{job.name}.toml can be used again. No score date fell due meanwhile.\n\nOwner: {job.owner}",
    )


def _alert(job: Job, news: News, event: str, cause: str, body: list[str]) -> Alert:
    first = news.dates[0].score_date
    return Alert(
        job=job.name,
        score_date=first,
        # Who was told stands beside the score date. What comes up again after an all-clear is news.
        cause=f"{job.name} {news.incident}: promise: {cause} at {news.at:%Y-%m-%d %H:%M:%S.%f}",
        title=f"{job.name} {first}: {event}",
        body="\n\n".join([*body, *_pages(job, news), f"Owner: {job.owner}"]),
        run_id=news.dates[0].run_id,
    )


def _pages(job: Job, news: News) -> list[str]:
    """Where to look in Airflow, where the watch knows its address; it needs none of it."""
    if not (web := os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")):
        return []
    run_id = news.dates[-1].run_id
    report = [f"Its report: {web}/scoring/dags/{job.name}/reports/{run_id}"] if run_id else []
    return ["\n".join([*report, f"What needs a person: {web}/scoring/"])]


def _promised(job: Job, dates: tuple[DueDate, ...]) -> str:
    first, last = dates[0], dates[-1]
    until = f"{last.promised_at.astimezone(job.zone):%Y-%m-%d %H:%M} {job.timezone}"
    if len(dates) == 1:
        return f"Score date {first.score_date} of {job.name} was promised by {until}."
    listed = ", ".join(str(one.score_date) for one in dates)
    return f"{len(dates)} score dates of {job.name} were promised, the last by {until}: {listed}."


def _remedy(job: Job, cause: str, dates: tuple[DueDate, ...]) -> str:
    first, last = dates[0].score_date, dates[-1].score_date
    score = f"$ scoring score {job.name} {first}" + (f" {last}" if last != first else "")
    due = [day + timedelta(days=job.days_back) for day in (first, last)]
    backfill = f"$ airflow backfill create --dag-id {job.name} --from-date {due[0]} --to-date {due[1]}"
    run_id = dates[-1].run_id
    sentence, *commands = {
        "late": ("See how far it is:", f"$ scoring runs {job.name}"),
        "missing": (f"Start the scheduler, and unpause the DAG {job.name}. Or score it now:", score),
        "skipped": ("Score what was missed, here or in Airflow:", score, backfill),
        "held": (
            "Look at it. Then approve or reject it:",
            f"$ scoring show {run_id}",
            f'$ scoring approve {run_id} --reason "WHY"',
        ),
        "failed": ("Put right what the reason says. Then clear the failed task, or:", score),
        "rejected": ("Put right what it was rejected for. Then:", score),
        "fallback": (
            "Put right why its run failed. Then:",
            score + (" --again" if last != first else ""),
        ),
    }[cause]
    return "\n".join([sentence, *commands])
