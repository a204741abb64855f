"""A failure that a stage could not note itself becomes a run of status `failed`, also where none had begun."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.databases.postgres_errors import remedy
from pipeline.errors import ScoringError, named
from pipeline.model.requirements import library_versions
from pipeline.runs import code_version, ledger
from pipeline.version import VERSION

_SQL = statements.load("runs/failures")

_LONGEST = 2000


@dataclass(frozen=True)
class Failure:
    """What is known of a try that failed.

    Attributes:
        job: the job's name.
        score_date: the day whose rows it would have scored.
        interval: when that day begins and ends.
        trigger: what started it: an Airflow DAG run's id.
        reason: why it failed, as analysts may read it; see `errors.kept_text`.
        job_sha256: digest of the job file.
        model_name: the model that would have scored; None where the job file does not say.
        dry_run: whether nothing of it would have been published.
        triggered_by: the person who triggered it; None where a schedule did.
        attempt: which try of its trigger this is; None where nobody knows.
    """

    job: str
    score_date: date
    interval: tuple[datetime, datetime]
    trigger: str
    reason: str
    job_sha256: str
    model_name: str | None = None
    dry_run: bool = False
    triggered_by: str | None = None
    attempt: int | None = None


def note(database_url: str, failure: Failure, *, begin: bool) -> int | None:
    """Note a failure in the open run of its trigger, or in a run of its own where none had begun.

    Args:
        database_url: the predictions database.
        failure: what failed.
        begin: whether what failed is what begins a run; a later task has one.

    Returns:
        the run in which it stands; None where the trigger's run is closed, or a later try is at work.

    Raises:
        LedgerError: the predictions database refuses: no such schema, no such right.
    """
    values = {
        **asdict(failure),
        "reason": failure.reason[:_LONGEST],
        "interval_start": failure.interval[0],
        "interval_end": failure.interval[1],
        "code_version": code_version.code_version(),
        "pipeline_version": VERSION,
        "library_versions": json.dumps(library_versions()),
    }
    del values["interval"]
    with ledger.refusing(), engine(database_url).begin() as connection:
        connection.execute(sa.text("SELECT scoring.lock_night(:job, :score_date)"), values)
        run = connection.execute(sa.text(_SQL["last"]), values).one_or_none()
        if run is not None and failure.attempt is not None and run.attempt > failure.attempt:
            return None
        if run is not None and run.is_open:
            run_id: int = run.run_id
        elif begin:
            # Nobody begins a run as failed.
            run_id = connection.execute(sa.text(_SQL["begin"]), values).scalar_one()
        else:
            return None
        connection.execute(sa.text(_FAIL), {**values, "run_id": run_id})
        return run_id


def explain(error: BaseException) -> str:
    """What a person reads of an error: what happened, and what to do, each on lines of its own."""
    if isinstance(error, ScoringError):
        return str(error)
    lines = str(error).strip().splitlines() or ["it does not say more"]
    to_do = (
        remedy(error) or "The fault may pass. Where it does not, the traceback above says where it came from."
    )
    return f"{type(error).__name__}: {named(error, lines[0])}\n{to_do}"


_FAIL = "UPDATE scoring.scoring_runs SET status = 'failed', status_reason = :reason WHERE run_id = :run_id"
