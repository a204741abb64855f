"""What every task needs: the day that it scores, the databases that it works on, and its outcome in Airflow's words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection, Param
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)

from orchestration._airflow import is_unanswered
from pipeline.config import dates
from pipeline.config.fields import LAST_VERSION
from pipeline.config.job import Job, JobError
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError

if TYPE_CHECKING:
    from pipeline.payloads import RunRequest

# Years that a run's form takes; how far ahead a day may lie, the task says.
# Fields of that form.
FORM = ("score_date", "model_version", "dry_run")
SCORE_DATES = r"^(19[7-9]|20[0-9]|21[0-9])[0-9]-"


def score_date(job: Job, context: Mapping[str, Any], days_back: int | None = None) -> date:
    """The day that this DAG run scores, or measures: one rule for every way of starting it."""
    run = context["dag_run"]
    back, schedule = (job.days_back, job.schedule) if days_back is None else (days_back, job.daily)
    return dates.score_date(
        context["params"].get("score_date"),
        run.logical_date,
        run.run_after,
        job.zone,
        back,
        schedule if run.run_type in ("scheduled", "backfill") else None,
    )


def end_of(job: Job, later: timedelta = timedelta()) -> datetime | None:
    """When a DAG is due for the last time: at the end of the job's last day, or so much later."""
    last = job.end_date
    return datetime.combine(last + later, datetime.max.time(), job.zone).astimezone(UTC) if last else None


def require_known(context: Mapping[str, Any], *known: str) -> None:
    """Airflow accepts unknown keys in a run's conf, and one score date for all runs of a backfill; we do not.

    Raises:
        JobError: one is none of `known`, or a backfill names a score date.
    """
    run = context["dag_run"]
    unknown = sorted(set(run.conf or {}) - set(known))
    if unknown:
        raise JobError(f"unknown parameter {unknown[0]!r} in the run's conf. Use {', '.join(known)}.")
    if run.run_type == "backfill" and (asked := context["params"].get("score_date")):
        raise JobError(
            f"a backfill names score_date {asked}, so all of its runs would score that one day. Leave score_date out: "
            "each run then scores its own day."
        )


def form(job: Job) -> dict[str, Param]:
    """The fields of the web form that triggers a run."""
    return {
        "score_date": Param(
            None,
            type=["null", "string"],
            format="date",
            pattern=SCORE_DATES,
            title="Score date",
            description="The day whose rows are scored. Blank: the day on which this run is due, in "
            f"{job.timezone}" + (f", less {job.days_back} days." if job.days_back else "."),
        ),
        "model_version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=LAST_VERSION,
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


def request_of(context: Mapping[str, Any]) -> "RunRequest":
    """What a DAG run asks for.

    Raises:
        JobError: its conf has an unknown key, or the model version is no whole number.
    """
    require_known(context, *FORM)
    run, asked = context["dag_run"], context["params"]
    version = asked.get("model_version")
    if isinstance(version, float):  # to JSON Schema 2.0 is an integer
        raise JobError(f"model_version = {version} is no whole number. Write {version:.0f}.")
    from pipeline.payloads import RunRequest

    return RunRequest(
        trigger=run.run_id,
        attempt=context["ti"].try_number,
        triggered_by=run.triggering_user_name,
        model_version=version,
        dry_run=asked.get("dry_run", False),
    )


def workspace_of(job: Job, *, warehouse: bool = False) -> Workspace:
    """Folders, store and databases of a job, by Airflow's connections.

    Args:
        job: whose they are.
        warehouse: whether the task reads the warehouse; most have no connection to it.
    """
    from pipeline.databases import connections

    def source(conn_id: str) -> str:
        return connections.warehouse(connection(conn_id).get_uri(), conn_id)

    def target(conn_id: str) -> str:
        return connections.postgres(connection(conn_id).get_uri(), conn_id)

    return Workspace.of(job, target, source if warehouse else None)


def connection(conn_id: str) -> Connection:
    """A connection of Airflow's.

    Raises:
        AddressError: there is none of that id, and the next try would find none.
    """
    from pipeline.databases import connections

    try:
        connected: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        if is_unanswered(conn_id):
            raise
        raise connections.missing(conn_id) from None
    return connected


@contextmanager
def outcome() -> Iterator[None]:
    """Say a stage's outcome in Airflow's words: skipped, failed for good, or (any other error) worth a retry."""
    from pipeline.runtime import resources

    try:
        resources.limit_threads()
        yield
    except NothingToDo as nothing:
        raise AirflowSkipException(str(nothing)) from nothing
    except ScoringError as error:
        # One traceback in the log, and not two: the message is what a person needs. `cause_of` gives the error.
        raise AirflowFailException(str(error)) from None
    except Exception as error:
        # The same: where a driver's error was, its caller's is below, and has its text.
        raise error from None


def cause_of(error: Any) -> BaseException | None:
    """Why a task failed: the stage's own error where `outcome` has put it into Airflow's words."""
    if isinstance(error, AirflowFailException):
        return error.__cause__ or error.__context__ or error
    return error if isinstance(error, BaseException) else None
