"""A run's numbers leave for where Airflow sends its own, and for an MLflow server. No failure here fails a run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow.sdk import Connection

from orchestration._airflow import send_count, send_gauge
from orchestration.context import workspace_of
from orchestration.notify import harmless
from pipeline.config.job import Job

if TYPE_CHECKING:
    from pipeline.late_data.result import Recheck
    from pipeline.payloads import Evaluation


def send(job: Job, run_id: int, outcome: str) -> None:
    """Send what is known of a run that was `published`, `held` or `rejected`."""
    metrics: dict[str, float] = {}
    _read(job, run_id, metrics)
    _stats(job, metrics, outcome)
    _track(job, run_id, metrics)


def send_outcomes(job: Job, measured: "Evaluation") -> None:
    """Send how good a run's scores turned out to be; to no trend where the model was trained on that day."""
    metrics = {f"outcomes:{name}": value for name, value in measured.metrics.items()}
    _stats(job, {} if measured.metrics.get("in_sample") else metrics, "measured")
    _track(job, measured.run_id, metrics)


def send_late(job: Job, done: "Recheck") -> None:
    """Send how many rows of a run's source came, went or changed after they were scored."""
    names = ("rows_now", "rows_new", "rows_gone", "rows_changed", "entities_doubled")
    metrics = {f"late:{name}": float(getattr(done, name)) for name in names}
    _stats(job, metrics, "rechecked")
    _track(job, done.run_id, metrics)


@harmless
def _read(job: Job, run_id: int, metrics: dict[str, float]) -> None:
    from pipeline.tasks import log_metrics

    metrics |= log_metrics.read(workspace_of(job).predictions, run_id)


@harmless
def _stats(job: Job, metrics: Mapping[str, float], outcome: str) -> None:
    for metric, value in metrics.items():
        send_gauge(f"scoring.{job.name}.{metric}", value)
    send_count(f"scoring.{job.name}.{outcome}")


@harmless
def _track(job: Job, run_id: int, metrics: Mapping[str, float]) -> None:
    from pipeline.integrations import mlflow

    if (name := job.tracking.mlflow) is not None:
        connection = Connection.get(name)
        scheme = connection.schema or ("https" if connection.conn_type == "https" else "http")
        server = mlflow.server(
            scheme,
            connection.host,
            connection.port,
            name,
            login=connection.login,
            password=connection.password,
        )
        mlflow.track(server, workspace_of(job).predictions, run_id, metrics)
