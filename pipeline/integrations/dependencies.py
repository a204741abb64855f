"""What a job names beside its databases and model: who gets messages, an MLflow server, a pool."""

import json
import shlex
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres
from pipeline.errors import UsageError
from pipeline.integrations import outbox

# Airflow's own database, in the environment of its scheduler and api-server.
_METADATA = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_APPRISE = '{"conn_type": "apprise", "extra": {"config": [{"path": "mailtos://..."}]}}'
_MLFLOW = "http://mlflow.example.com:5000"


class DependencyError(UsageError):
    """Something that a job names is not there."""


def require_alerts(job: Job, environ: Mapping[str, str]) -> str:
    """Require the connection whose addresses get messages; returns a sentence with their number.

    Raises:
        DependencyError: there is none.
        UsageError: it has no addresses.
    """
    name = job.alerts.to or ""
    urls = addresses(name, environ)
    return f"messages go to {len(urls)} {'address' if len(urls) == 1 else 'addresses'} of connection {name!r}"


def addresses(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses of an Apprise connection, from the environment.

    Raises:
        DependencyError: there is no such connection.
        UsageError: it has no addresses.
    """
    value = _connection(f"alerts.to = {name!r}", name, f"'{_APPRISE}'", "nobody gets a message", environ)
    return outbox.addresses(_extra(value), name)


def require_tracking(job: Job, environ: Mapping[str, str]) -> str:
    """Require the connection of the MLflow server.

    Raises:
        DependencyError: there is none.
    """
    name = job.tracking.mlflow or ""
    _connection(f"tracking.mlflow = {name!r}", name, _MLFLOW, "no server gets a run's metrics", environ)
    return f"the MLflow server of connection {name!r} gets the metrics"


def require_pool(job: Job, environ: Mapping[str, str]) -> str:
    """Require the pool of the job's tasks, where Airflow's own database can be asked.

    Raises:
        DependencyError: Airflow has no such pool.
    """
    if not (address := environ.get(_METADATA)):
        return f"this command cannot ask Airflow whether it has pool {job.pool!r}. {missing_pool(job.pool)}"
    database_url = address.replace("postgresql+psycopg2://", "postgresql://", 1)
    with postgres.engine(database_url).connect() as connection:
        pools = connection.execute(sa.text("SELECT pool FROM slot_pool ORDER BY pool")).scalars().all()
    if job.pool not in pools:
        raise DependencyError(
            f"pool = {job.pool!r}: Airflow has {', '.join(pools)}. {missing_pool(job.pool)}"
        )
    return f"Airflow has pool {job.pool!r}"


def missing_pool(pool: str) -> str:
    """What a missing pool does, and how to make it."""
    return (
        "Without it no task of the job starts. Make it in Airflow under Admin, Pools, or by: "
        f"airflow pools set {shlex.quote(pool)} 4 scoring"
    )


def _connection(key: str, name: str, example: str, loss: str, environ: Mapping[str, str]) -> str:
    variable = f"AIRFLOW_CONN_{name.upper()}"
    if not (value := environ.get(variable)):
        raise DependencyError(
            f"{key}: there is no connection {name!r}, so {loss}. Set {variable}={example}, "
            "here and for Airflow's tasks."
        )
    return value


def _extra(value: str) -> Mapping[str, object]:
    """A connection's extras, from its JSON or its URI as Airflow reads them; none where they cannot be read."""
    try:
        if value.lstrip().startswith("{"):
            extra = json.loads(value).get("extra")
        else:
            query = dict(parse_qsl(urlsplit(value).query))
            extra = query.get("__extra__", query)
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        return {}
    return extra if isinstance(extra, dict) else {}
