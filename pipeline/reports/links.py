"""Where pages lead: to one another, and into Airflow, where they are shown there."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Links:
    """Addresses, by job and by run.

    Attributes:
        scoring: of the page that lists all jobs.
        report: of the report of a job's run, by its number.
        form: of where to approve or reject a held run, by its trigger; None where Airflow did not start it.
        dag_run: of the DAG run of a trigger; None likewise.
        dag: of a job's DAG, where it is started and unpaused.
        card: of the card of the version that a job's run has, by the run's number.
    """

    scoring: str
    report: Callable[[str, int], str]
    form: Callable[[str, str], str | None]
    dag_run: Callable[[str, str], str | None]
    dag: Callable[[str], str]
    card: Callable[[str, int], str]
