"""What must be there before the first night: schema and sample; and where the predictions are read."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from local.airflow_environment import ANALYST, PAGES, Place
from local.processes import LocalError
from pipeline.config import loader
from pipeline.databases import connections
from pipeline.embedded import door
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded

JOB = "flight_delay"

Tell = Callable[[str], None]


def server(place: Place, tell: Tell) -> Embedded:
    """Start the embedded Postgres, or join it."""
    tell("starting the embedded Postgres")
    return embedded.start(place.folder)


def prepare(place: Place, running: Embedded, tell: Tell) -> None:
    """Migrate the predictions, enter the jobs' retention, load the sample; what is there stays.

    A database that the environment names is left alone, unless it names its owner's connection too.

    Raises:
        ScoringError: one of them failed.
    """
    from pipeline.maintenance import retention_days
    from pipeline.provisioning import migrate, sample

    if uri := owner("predictions", running):
        tell(f"predictions database at revision {migrate.migrate(uri)}")
        retention_days.enter(uri, loader.read_all(place.dags)[0])
    if uri := owner("warehouse", running):
        rows = sample.load(uri, lambda table, count: tell(f"loading {table}: {count:,} rows"))
        tell(f"sample warehouse: {rows['flights']:,} flights")


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


@contextmanager
def analysts_door(place: Place) -> Iterator[str]:
    """Let an analyst's tools in until the end of the block; returns what to tell a person of it."""
    if os.environ.get("AIRFLOW_CONN_PREDICTIONS"):
        yield "The predictions are on a server of yours; `scoring dsn` prints an analyst's connection string."
        return
    listening = embedded.listening_port(place.folder)
    address = door.address(place.folder) if listening else door.free_address(place.folder)
    running = embedded.start(place.folder, address.port)
    if listening and listening != address.port:
        address = door.keep(place.folder, listening)
    with embedded.tcp(place.folder, running, address.password) as listens:
        if listens:
            yield f"pandas and BI tools read scoring.predictions at {address.uri}"
        else:
            yield (
                "Another process uses the database, which therefore listens on no port. For a connection string of "
                "pandas and BI tools, end that process and run `make up` again."
            )


def psql(place: Place, arguments: Sequence[str]) -> int:
    """Run psql as an analyst."""
    if not (place.folder / "postgres" / "PG_VERSION").exists() and ANALYST not in os.environ:
        raise LocalError("There are no predictions yet. Run `make demo` first.")
    running = server(place, lambda _: None)
    command = [str(running.binaries / "psql"), reader(running), *arguments]
    # Ctrl-C is psql's: it ends a query, not the session.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environ = {**os.environ, "PGOPTIONS": "-c search_path=scoring"}
    return subprocess.run(command, env=environ, check=False).returncode
