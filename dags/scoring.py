"""Every job file next to this one becomes one DAG.

The tasks stand here top to bottom; what they do is in `orchestration.steps`, and the work in `pipeline`.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    TriggerRule,
    get_parsing_context,
    task,
)

from orchestration import broken, credentials, steps
from orchestration.callbacks import hand_over_failure, report_fallback, task_defaults
from orchestration.challenger import wiring
from orchestration.context import end_of, form
from orchestration.decide import Decide
from orchestration.kubernetes import pods
from orchestration.publish import DECIDE, Publish
from orchestration.reasons import wiring as reasons
from orchestration.steps import Json
from pipeline.config import loader
from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection

PAGE = """
Scores model **{job.model.name}** (alias `{job.model.alias}`) on `sql/{job.extract.query}`, at `{job.schedule}`
{job.timezone}, for **{job.owner}**.

{first}extract → load_model → predict (one per part) → write (one per part) → log_metrics → publish (→ decide){last}

The model runs in load_model and predict, whose workers have no database. What fails or is killed there is noted by
note_failure.

Analysts keep what was published before until the last step, which moves one pointer. A run that fails its gate is held:
the task `decide` waits for {job.gate.decide_within_hours:g} hours until somebody approves or rejects it, under Required
Actions. To score another day, trigger the DAG and fill in `score_date`.

The tasks take slots of the pool `{job.pool}`. Tasks that stay *scheduled* wait for a free slot there. Where Airflow has
no such pool, make it under Admin, Pools.
"""


def build(job: Job) -> DAG:
    """The DAG of one job."""
    with DAG(
        dag_id=job.name,
        description=job.description,
        doc_md=PAGE.format(
            job=job,
            first="ready → " if job.ready else "",
            last=(", and after it begin_challenge → challenge → end_challenge" if job.challenger else "")
            + (", and after it begin_reasons → explain (one per part) → end_reasons" if job.reasons else ""),
        ),
        schedule=schedule_of(job),
        start_date=datetime.combine(job.start_date, datetime.min.time(), job.zone),
        end_date=end_of(job),
        catchup=job.catchup,
        max_active_runs=job.max_active_runs,
        tags=["scoring", job.owner],
        default_args=task_defaults(job),
    ) as dag:
        seen = [wait_for_source(job, job.ready)] if job.ready else []
        scored = score(job, *seen)
        published, decided = publish(job, run=scored[0], verdict=scored[-1])
        # Not after `decide`, which stays a last task: it is what makes a run red that has failed.
        [*seen, *scored, published] >> note(job)
        if job.challenger:
            wiring.challenge(job, job.challenger, run=scored[0], published=published)
        if job.reasons:
            reasons.explain(job, job.reasons, run=scored[0], published=published)
        if job.fallback != "none":
            [*seen, *scored, published, decided] >> serve_fallback(job)
    pods.place(dag, job)
    # Last: every task would else copy them, and Airflow hold them against JSON Schema, a third of the reading time.
    dag.params.update(form(job))
    return dag


def schedule_of(job: Job) -> CronTriggerTimetable | AssetOrTimeSchedule:
    """When a job is due: on time, and where it names assets, once all of them were updated."""
    on_time = CronTriggerTimetable(job.schedule, timezone=job.timezone)
    if job.ready and job.ready.assets:
        # By their names: whoever updates them says what they are.
        updated = AssetAll(*(Asset.ref(name=name) for name in job.ready.assets))
        return AssetOrTimeSchedule(timetable=on_time, assets=updated)
    return on_time


def wait_for_source(job: Job, section: ReadySection) -> Any:
    """The task in which a run waits until its rows are complete."""

    @task
    def ready(**context: Any) -> Json:
        """Wait until the source has all rows of the score date, as the job's ready query says."""
        return steps.ready(job, section, context)

    return ready()


def score(job: Job, *seen: Any) -> list[Any]:
    """The tasks that score, from `extract`, which gives the run, to `log_metrics`, which gives the gate's verdict.

    Args:
        job: what to score.
        *seen: what the task `ready` returns, of a job that has one.
    """
    # A pickle runs code: load_model and predict hold no credential, and leave it to another task to say that they
    # failed.
    apart: Json = {
        "queue": credentials.TASKS["predict"].queue,
        "on_failure_callback": hand_over_failure(job),
    }

    @task
    def extract(seen: Json | None = None, **context: Any) -> Json:
        """Stream the score date's rows into parts; reject those that break the model's contract."""
        return steps.extract(job, context, seen)

    @task(**apart)
    def load_model(run: Json) -> list[Json]:
        """Verify the pinned model, and hand out the parts to score with it."""
        return steps.load_model(job, run)

    @task(**apart)
    def predict(work: Json) -> Json:
        """Score one part."""
        return steps.predict(job, work)

    @task
    def write(scored: Json) -> Json:
        """Load one part's scores into the unpublished run."""
        return steps.write(job, scored)

    @task
    def log_metrics(run: Json, written: list[Json]) -> Json:
        """Profile the run, and apply the gate to it."""
        return steps.log_metrics(job, run, written)

    run: Any = extract(*seen)
    work: Any = load_model(run)
    scored = predict.expand(work=work)
    written: Any = write.expand(scored=scored)
    return [run, work, scored, written, log_metrics(run, written)]


def publish(job: Job, *, run: Any, verdict: Any) -> tuple[Publish, Decide]:
    """The tasks that publish the run, or wait for a person to decide on it."""
    # Airflow lets no asset have one of these names.
    name = f"{job.name}-scores" if job.name in ("self", "context") else job.name
    asset = Asset(name=name, uri=f"scoring://predictions/{job.name}")
    published = Publish(task_id="publish", job=job, asset=asset, extracted=run, verdict=verdict)
    decided = Decide(task_id=DECIDE, job=job, asset=asset)
    [verdict, published] >> decided
    return published, decided


def note(job: Job) -> Any:
    """The task that notes what the tasks before could not note themselves."""

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def note_failure(**context: Any) -> None:
        """Note why a task failed that could not do so itself, having no database or being killed; notify people."""
        steps.note_failure(job, context)

    return note_failure()


def serve_fallback(job: Job) -> Any:
    """The task that serves something in place of a run that failed."""

    @task(trigger_rule=TriggerRule.ONE_FAILED, on_failure_callback=report_fallback(job))
    def fallback(**context: Any) -> None:
        """Serve what the job names in place of a run that failed, marked as such; stays red all the same."""
        steps.fallback(job, context)

    return fallback()


_wanted = get_parsing_context().dag_id
for _path in loader.files(Path(__file__).parent):
    if _wanted in (None, _path.stem):
        # No name of Python's, so that no job takes the place of what this module has and its tasks call.
        globals()[f"job {_path.stem}"] = broken.dag_of(_path, build)
