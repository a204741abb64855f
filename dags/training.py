"""Every job file that says when its model is trained again has a DAG for it, beside the one that scores.

scoring.py shows a job file that cannot be used; it is passed over here.
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    TriggerRule,
    get_parsing_context,
    task,
)

from orchestration import credentials
from orchestration.callbacks import hand_over_failure, task_defaults
from orchestration.context import SCORE_DATES, end_of
from orchestration.kubernetes import pods
from orchestration.steps import Json
from orchestration.training import failure, steps
from orchestration.training.alarm import alarm_of
from pipeline.config import loader
from pipeline.config.job import Job, JobError
from pipeline.config.training_section import TrainingSection

PAGE = """
Trains model **{job.model.name}** again, by `{training.function}`, for **{job.owner}**: on the {training.window_days}
score dates up to {days} days before, whose outcomes are known.

extract_training → train → register_candidate

What comes of it is a *candidate*: `scoring candidates {job.name}` lists it, and `scoring adopt {job.name} NUMBER`
writes it into a repository for review. The version that scores stays the same. The function runs in `train`, whose
worker has no database, in a process without network and credentials. What fails there is told by note_training.
"""


def build(job: Job, training: TrainingSection, days: int) -> DAG:
    """The DAG that trains a job's model.

    Args:
        job: the job.
        training: its section.
        days: from a score date to the day on which its outcomes are known.
    """
    with DAG(
        dag_id=f"{job.name}-training",  # no job's name has a hyphen
        description=f"Training: {job.description}",
        doc_md=PAGE.format(job=job, training=training, days=days),
        schedule=schedule_of(job, training),
        start_date=datetime.combine(job.start_date, datetime.min.time(), job.zone),
        end_date=end_of(job),
        catchup=False,
        max_active_runs=1,
        tags=["scoring", "training", job.owner],
        default_args=task_defaults(job, days),
    ) as dag:
        tasks(job, days)
    pods.place(dag, job)
    dag.params["score_date"] = Param(
        None,
        type=["null", "string"],
        format="date",
        pattern=SCORE_DATES,
        title="Last score date",
        description=f"The last score date to be trained on. Blank: {days} days before the day on which this run is "
        f"due, in {job.timezone}.",
    )
    return dag


def tasks(job: Job, days: int) -> None:
    """The tasks that train."""
    # The function is a team's own code: it holds no credential, and another task says that it failed.
    apart: Json = {
        "queue": credentials.TASKS["train"].queue,
        "on_failure_callback": hand_over_failure(job, days),
    }

    @task
    def extract_training(**context: Any) -> Json:
        """Read the window's rows as a run reads a score date's, with their outcomes."""
        return steps.extract(job, context, days)

    @task(**apart)
    def train(read: Json, **context: Any) -> Json:
        """Train a candidate and its folds, try it as a version is tried, and compare it with the champion."""
        return steps.train(job, context, read)

    @task
    def register_candidate(draft: Json, **context: Any) -> int:
        """Enter the candidate, and notify people of it."""
        return steps.register(job, context, draft)

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def note_training(**context: Any) -> None:
        """Tell people why the training failed where its task could not, and remove its rows."""
        failure.note(job, context, days)

    read: Any = extract_training()
    draft: Any = train(read)
    register_candidate(draft)  # a last task: it is what makes a run red that has failed
    [read, draft] >> note_training()


def schedule_of(
    job: Job, training: TrainingSection
) -> CronTriggerTimetable | AssetOrTimeSchedule | list[Asset]:
    """When a candidate is trained: on time, on a quality alarm, or on both."""
    if training.schedule is None:
        return [alarm_of(job)]
    on_time = CronTriggerTimetable(training.schedule, timezone=job.timezone)
    return AssetOrTimeSchedule(timetable=on_time, assets=[alarm_of(job)]) if training.on_alarm else on_time


_wanted = get_parsing_context().dag_id
for _path in loader.files(Path(__file__).parent):
    if _wanted in (None, f"{_path.stem}-training"):
        with suppress(JobError):
            _job = loader.read(_path)
            if _job.outcomes and _job.training and (_job.training.schedule or _job.training.on_alarm):
                globals()[f"{_job.name}-training"] = build(_job, _job.training, _job.outcomes.delay_days)
