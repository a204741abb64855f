"""What must be there before the first night: schema, sample, model."""

import os
from collections.abc import Callable, Mapping

from local.airflow_environment import ANALYST, PAGES, Place
from pipeline.config import loader
from pipeline.databases import connections
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded

JOB = "flight_delay"

Tell = Callable[[str], None]


def server(place: Place, tell: Tell) -> Embedded:
    """Start the embedded Postgres, or join it."""
    tell("starting the embedded Postgres")
    return embedded.start(place.folder)


def prepare(place: Place, running: Embedded, tell: Tell) -> None:
    """Migrate the predictions, enter the jobs' retention, load the sample, verify the model; what is there stays.

    A database that the environment names is left alone, unless it names its owner's connection too.

    Raises:
        ScoringError: one of them failed.
    """
    from pipeline.maintenance import retention_days
    from pipeline.model import registry
    from pipeline.provisioning import migrate, sample

    job = loader.find(place.dags, JOB)
    if uri := owner("predictions", running):
        tell(f"predictions database at revision {migrate.migrate(uri)}")
        retention_days.enter(uri, loader.read_all(place.dags)[0])
    if uri := owner("warehouse", running):
        rows = sample.load(uri, lambda table, count: tell(f"loading {table}: {count:,} rows"))
        tell(f"sample warehouse: {rows['flights']:,} flights")
    pinned = registry.resolve(place.home, job.model.name, job.model.alias)
    registry.load(pinned)
    tell(f"model {pinned.manifest.name} version {pinned.manifest.version} verified")


def owner(conn_id: str, running: Embedded, environ: Mapping[str, str] = os.environ) -> str | None:
    """Address to set a database up with, or None when it is somebody else's to set up."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    if uri := environ.get(f"{name}_OWNER"):
        return connections.postgres(uri, f"{conn_id}_owner")
    return None if name in environ else running.connections[f"{conn_id}_owner"]


def reader(running: Embedded, environ: Mapping[str, str] = os.environ) -> str:
    """Address to query the predictions with, as an analyst where there is such a role."""
    if uri := environ.get(ANALYST):
        return connections.postgres(uri, ANALYST)
    if uri := environ.get("AIRFLOW_CONN_PREDICTIONS"):
        return connections.postgres(uri, "predictions")
    return running.connections["analyst"]


def pages(running: Embedded, environ: Mapping[str, str] = os.environ) -> str:
    """Address that the web UI's pages read with."""
    if uri := environ.get(PAGES):
        return connections.postgres(uri, PAGES)
    return (
        reader(running, environ) if environ.get("AIRFLOW_CONN_PREDICTIONS") else running.connections["pages"]
    )
