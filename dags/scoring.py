"""Every job file next to this one becomes one DAG.

The tasks stand here top to bottom; the work is in `pipeline`. Heavy imports stay inside the tasks: Airflow reads this
file again and again.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    Connection,
    CronTriggerTimetable,
    Param,
    TriggerRule,
    get_parsing_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from pipeline import dates, places
from pipeline import job as jobs
from pipeline.errors import NothingToDo, ScoringError
from pipeline.job import Job, JobError, Outcomes

log = logging.getLogger(__name__)

Json = dict[str, Any]

PAGE = """
Scores model **{job.model.name}** (alias `{job.model.alias}`) on `sql/{job.extract.query}`, at `{job.schedule}`
{job.timezone}, for **{job.owner}**.

extract → load_model → predict (one per part) → write (one per part) → log_metrics → publish

Analysts keep the last published night until the last step, which moves one pointer. A night that fails its gate is
held: `python -m pipeline approve RUN` publishes it. To score another day, trigger the DAG and fill in `score_date`.
"""


OUTCOMES_PAGE = """
Holds the published scores of **{job.name}** against the real results of `sql/{outcomes.query}`, {outcomes.delay_days}
days after the score date, for **{job.owner}**.

Writes `scoring.outcome_metrics`. Every day at the hours of the job's schedule; a day of which no night is published is
skipped. Measuring again replaces what was measured: clear the task, or `python -m pipeline outcomes {job.name} DATE`.
"""


def params(job: Job) -> dict[str, Param]:
    """The fields of the web form."""
    return {
        "score_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Score date",
            description="The day whose rows are scored. Blank: the day on which this run is due, in "
            f"{job.timezone}" + (f", less {job.days_back} days." if job.days_back else "."),
        ),
        "model_version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Model version",
            description=f"A registered version of {job.model.name}, which may be older than the published one. "
            f"Blank: the alias {job.model.alias}.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Do everything but publish: analysts see nothing of it.",
        ),
    }


def build(job: Job) -> DAG:
    """The DAG of one job."""
    asset = Asset(name=job.name, uri=f"scoring://predictions/{job.name}")
    with DAG(
        dag_id=job.name,
        description=job.description,
        doc_md=PAGE.format(job=job),
        schedule=CronTriggerTimetable(job.schedule, timezone=job.timezone),
        start_date=datetime.combine(job.start_date, datetime.min.time(), job.zone),
        end_date=_end_of(job),
        catchup=job.catchup,
        max_active_runs=job.max_active_runs,
        tags=["scoring", job.owner],
        default_args={
            "owner": job.owner,
            "retries": job.retries,
            "retry_delay": timedelta(seconds=job.retry_delay_seconds),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            "on_execute_callback": announce(job),
            "on_failure_callback": report_failure(job),
        },
    ) as dag:

        @task
        def extract(**context: Any) -> Json:
            """Stream the night's rows into parts; reject those that break the model's contract."""
            from pipeline.extract import extract

            with outcome():
                return extract(_places(job), job, score_date(job, context), **_asked(context)).json_value()

        @task
        def load_model(run: Json) -> list[Json]:
            """Verify the pinned model, and hand out the parts to score with it."""
            from pipeline.predict import load_model
            from pipeline.stage import Run

            with outcome():
                return [work.json_value() for work in load_model(_places(job), Run.read(run))]

        @task
        def predict(work: Json) -> Json:
            """Score one part."""
            from pipeline.predict import predict
            from pipeline.stage import Work

            with outcome():
                return predict(_places(job), Work.read(work)).json_value()

        @task
        def write(scored: Json) -> Json:
            """Load one part's scores into the unpublished run."""
            from pipeline.stage import Scored
            from pipeline.write import write

            with outcome():
                return write(_places(job), Scored.read(scored)).json_value()

        @task
        def log_metrics(run: Json, written: list[Json]) -> Json:
            """Count what the run looked like, and hold it against the gate."""
            from pipeline.metrics import log_metrics
            from pipeline.stage import Run, Written

            with outcome():
                parts = [Written.read(part) for part in written]
                return log_metrics(_places(job), job.gate, Run.read(run), parts, job.drift).json_value()

        @task(outlets=[asset])
        def publish(run: Json, verdict: Json, **context: Any) -> Json:
            """Audit the run and show it to the analysts; tell the DAGs that wait for it."""
            from pipeline.stage import Run, Verdict
            from pipeline.write import publish

            with outcome():
                publication = publish(_places(job), Run.read(run), Verdict.read(verdict)).json_value()
            context["outlet_events"][asset].extra = publication
            return publication

        run: Any = extract()
        work: Any = load_model(run)
        scored = predict.expand(work=work)
        written: Any = write.expand(scored=scored)
        verdict: Any = log_metrics(run, written)
        published: Any = publish(run, verdict)

        if job.fallback != "none":

            @task(trigger_rule=TriggerRule.ONE_FAILED, on_failure_callback=None)
            def fallback(**context: Any) -> None:
                """Serve what the job names in place of a night that failed, marked as such; stays red all the same."""
                from pipeline.fallback import serve

                with outcome():
                    night, trigger = score_date(job, context), context["dag_run"].run_id
                    if context["params"].get("dry_run"):
                        raise NothingToDo("a dry run is served by nothing else")
                    said = serve(_places(job), job, night, trigger=trigger, reason=f"{trigger} failed")
                raise AirflowFailException(
                    f"{said}. The night itself failed: put right what its failed task says, and clear that task."
                )

            [run, work, scored, written, verdict, published] >> fallback()
    # Last: every task would else copy them, and Airflow hold them against JSON Schema, a third of the reading time.
    dag.params.update(params(job))
    return dag


def build_outcomes(job: Job, outcomes: Outcomes) -> DAG:
    """The DAG that measures a job's scores, when the results of their night are known."""
    minute, hour, *_ = job.schedule.split()
    later = timedelta(days=outcomes.delay_days - job.days_back)
    days = outcomes.delay_days
    with DAG(
        dag_id=outcomes_id(job.name),
        description=f"Outcomes: {job.description}",
        doc_md=OUTCOMES_PAGE.format(job=job, outcomes=outcomes),
        # Every day: a job that runs on some days only has other ones so many days later.
        schedule=CronTriggerTimetable(f"{minute} {hour} * * *", timezone=job.timezone),
        start_date=datetime.combine(job.start_date + later, datetime.min.time(), job.zone),
        end_date=_end_of(job, later),
        catchup=job.catchup,
        max_active_runs=job.max_active_runs,
        tags=["scoring", "outcomes", job.owner],
        default_args={
            "owner": job.owner,
            "retries": job.retries,
            "retry_delay": timedelta(seconds=job.retry_delay_seconds),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            "on_execute_callback": announce(job, days),
            "on_failure_callback": report_failure(job, days),
        },
    ) as dag:

        @task
        def measure(**context: Any) -> Json:
            """Join the night's published scores with the real results, and keep what that says of the model."""
            from pipeline.outcomes import measure

            with outcome():
                _require_known(context, ["score_date"])
                return measure(_places(job), job, score_date(job, context, days)).json_value()

        measure()
    dag.params["score_date"] = Param(
        None,
        type=["null", "string"],
        format="date",
        title="Score date",
        description=f"The night to measure. Blank: {days} days before the day on which this run is due, in "
        f"{job.timezone}.",
    )
    return dag


def outcomes_id(name: str) -> str:
    """What the DAG is called that measures a job; no job's name has a hyphen."""
    return f"{name}-outcomes"


def score_date(job: Job, context: Mapping[str, Any], days_back: int | None = None) -> date:
    """The day that this DAG run scores, or measures: one rule for every way of starting it."""
    run = context["dag_run"]
    back = job.days_back if days_back is None else days_back
    return dates.score_date(
        context["params"].get("score_date"), run.logical_date, run.run_after, job.zone, back
    )


def announce(job: Job, days_back: int | None = None) -> Callable[[Mapping[str, Any]], None]:
    """Callback that puts the score date first into every task's log."""

    def announce_score_date(context: Mapping[str, Any]) -> None:
        log.info("%s: score date %s", job.name, score_date(job, context, days_back))

    return announce_score_date


def report_failure(job: Job, days_back: int | None = None) -> Callable[[Mapping[str, Any]], None]:
    """Callback that says what failed, for which night, and what to do."""

    def log_failure(context: Mapping[str, Any]) -> None:
        failed = context["ti"].task_id
        log.error(
            "%s: score date %s: task %s failed: %s\n"
            "What was published before stays. The message says what to put right; "
            "then clear the task %s and those after it, and the night goes on from there. Owner: %s",
            job.name,
            score_date(job, context, days_back),
            failed,
            context.get("exception"),
            failed,
            job.owner,
        )

    return log_failure


@contextmanager
def outcome() -> Iterator[None]:
    """Say a stage's outcome in Airflow's words: skipped, failed for good, or (any other error) worth a retry."""
    from pipeline import machine

    try:
        machine.claim()
        yield
    except NothingToDo as nothing:
        raise AirflowSkipException(str(nothing)) from nothing
    except ScoringError as error:
        raise AirflowFailException(str(error)) from error


def _asked(context: Mapping[str, Any]) -> Json:
    """What the person who triggered the run asked for."""
    run, asked = context["dag_run"], context["params"]
    _require_known(context, ["score_date", "model_version", "dry_run"])
    return {
        "trigger": run.run_id,
        "model_version": asked.get("model_version"),
        "dry_run": asked.get("dry_run", False),
    }


def _require_known(context: Mapping[str, Any], known: Sequence[str]) -> None:
    """Airflow accepts unknown keys in a run's conf; we do not."""
    unknown = sorted(set(context["dag_run"].conf or {}) - set(known))
    if unknown:
        raise JobError(f"unknown parameter {unknown[0]!r} in the run's conf. Use {', '.join(known)}.")


def _places(job: Job) -> "places.Places":
    from pipeline import addresses

    source, target = job.extract.connection, job.write.connection
    return places.Places(
        home=places.home(),
        store=places.store(),
        warehouse=addresses.warehouse(Connection.get(source).get_uri(), source),
        predictions=addresses.postgres(Connection.get(target).get_uri(), target),
    )


def _end_of(job: Job, later: timedelta = timedelta()) -> datetime | None:
    last = job.end_date
    return datetime.combine(last + later, datetime.max.time(), job.zone).astimezone(UTC) if last else None


class BrokenJob(DAG):
    """Stands in for a job file that cannot be used.

    Airflow keeps one import error a file, and lets no DAG of that file run. So this one claims to come from the job
    file, and fails when Airflow serializes it: the error stands beside the job file, and the other jobs go on.
    """

    job_file: str
    error: JobError

    @property
    def relative_fileloc(self) -> str:
        """The job file; Airflow would say scoring.py."""
        return self.job_file

    @relative_fileloc.setter
    def relative_fileloc(self, _: str | None) -> None: ...

    def get_serialized_fields(self) -> Any:  # type: ignore[override]
        """Fail with the job file's error."""
        raise self.error


def dags_of(path: Path) -> Iterator[DAG]:
    """The DAG of one job file, and the one that measures its outcomes where it names some."""
    try:
        job = jobs.read(path)
        yield build(job)
        if job.outcomes:
            yield build_outcomes(job, job.outcomes)
    except JobError as error:
        broken = BrokenJob(re.sub(r"\W", "_", path.stem), schedule=None)
        broken.job_file, broken.error = path.name, error
        yield broken


_wanted = get_parsing_context().dag_id
for _path in jobs.files(Path(__file__).parent):
    if _wanted in (None, _path.stem, outcomes_id(_path.stem)):
        globals().update({made.dag_id: made for made in dags_of(_path)})
