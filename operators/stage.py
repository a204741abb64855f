"""What every task needs: the day that it scores, the databases that it works on, and its outcome in Airflow's words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from pipeline import dates, places
from pipeline.errors import NothingToDo, ScoringError
from pipeline.job import Job


def score_date(job: Job, context: Mapping[str, Any]) -> date:
    """The day that this DAG run scores: one rule for every way of starting it."""
    run = context["dag_run"]
    return dates.score_date(
        context["params"].get("score_date"), run.logical_date, run.run_after, job.zone, job.days_back
    )


def places_of(job: Job) -> places.Places:
    """Folders, store and databases of a job, by Airflow's connections."""
    from pipeline import addresses

    source, target = job.extract.connection, job.write.connection
    return places.Places(
        home=places.home(),
        store=places.store(),
        warehouse=addresses.warehouse(Connection.get(source).get_uri(), source),
        predictions=addresses.postgres(Connection.get(target).get_uri(), target),
    )


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
