"""Every job file that names its outcomes has a second DAG, which evaluates each score date once its outcomes are known.

scoring.py shows a job file that cannot be used; it is passed over here.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_parsing_context, task

from orchestration import steps
from orchestration.callbacks import task_defaults
from orchestration.context import SCORE_DATES, end_of
from orchestration.kubernetes import pods
from orchestration.training import steps as training
from orchestration.training.alarm import alarm_of
from pipeline.config import loader
from pipeline.config.job import Job, JobError
from pipeline.config.sections import OutcomesSection

PAGE = """
Compares the published scores of **{job.name}** with the outcomes of `sql/{outcomes.query}`, {outcomes.delay_days} days
after the score date, for **{job.owner}**.

Writes `scoring.outcome_metrics`. Runs every day at the hours of the job's schedule. A score date without a published
run is skipped. With `outcomes.recheck` the job's query is then run once more, and people are told of rows that came,
went or changed since they were scored. Evaluating again replaces what was measured: clear the task, or run
`scoring outcomes {job.name} DATE`.
"""


def build(job: Job, outcomes: OutcomesSection) -> DAG:
    """The DAG that measures a job's scores."""
    days = outcomes.delay_days
    later = timedelta(days=days - job.days_back)
    with DAG(
        dag_id=f"{job.name}-outcomes",  # no job's name has a hyphen
        description=f"Outcomes: {job.description}",
        doc_md=PAGE.format(job=job, outcomes=outcomes),
        # Every day: a job that runs on some days only has other ones so many days later.
        schedule=CronTriggerTimetable(job.daily, timezone=job.timezone),
        start_date=datetime.combine(job.start_date + later, datetime.min.time(), job.zone),
        end_date=end_of(job, later),
        catchup=job.catchup,
        max_active_runs=job.max_active_runs,
        tags=["scoring", "outcomes", job.owner],
        default_args=task_defaults(job, days),
    ) as dag:

        @task
        def measure(**context: Any) -> dict[str, Any]:
            """Join the score date's published scores with their outcomes, and keep what that says of the model."""
            return steps.measure(job, context, days)

        @task
        def begin_training(**context: Any) -> None:
            """Have a candidate trained where the quality alarm is on, once an alarm; else this is skipped."""
            training.begin(job, context)

        measured = measure()
        if job.training and job.training.on_alarm:
            measured >> begin_training.override(outlets=[alarm_of(job)])()
    pods.place(dag, job)
    dag.params["score_date"] = Param(
        None,
        type=["null", "string"],
        format="date",
        pattern=SCORE_DATES,
        title="Score date",
        description=f"The score date to evaluate. Blank: {days} days before this run is due, in {job.timezone}.",
    )
    return dag


_wanted = get_parsing_context().dag_id
for _path in loader.files(Path(__file__).parent):
    if _wanted in (None, f"{_path.stem}-outcomes"):
        with suppress(JobError):
            _job = loader.read(_path)
            if _job.outcomes:
                globals()[f"{_job.name}-outcomes"] = build(_job, _job.outcomes)
