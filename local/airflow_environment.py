"""The local Airflow's environment: every setting, so that no file of another Airflow counts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import credentials, preload
from local.credentials import USER
from local.port import HOST
from pipeline.embedded.server import Embedded

ROOT = Path(__file__).resolve().parents[1]

# The connections that tasks may see, each its own (orchestration/credentials.py); the owners' are for `migrate` and
# `sample`.
TASK_CONNECTIONS = ("warehouse", "predictions", "predictions_approver", "predictions_janitor")
# What the web server's pages read with.
PAGES, ANALYST = "SCORING_PAGES", "SCORING_ANALYST"
# What the watch has, and nothing of Airflow's.
WATCHER, HEARTBEAT = "AIRFLOW_CONN_PREDICTIONS_WATCHER", "SCORING_HEARTBEAT"
_PREDICTIONS = "AIRFLOW_CONN_PREDICTIONS"
# What the API has, and nothing of Airflow's either.
API = "AIRFLOW_CONN_PREDICTIONS_API"
_OWNERS = ("AIRFLOW_CONN_WAREHOUSE_OWNER", "AIRFLOW_CONN_PREDICTIONS_OWNER")

# A task waits for the scheduler's next look (1 s by default), and a finished one keeps its worker until the next
# heartbeat (5 s): six short tasks took 9.4 s, with these two settings 4.2 s. Other intervals made no difference.
_QUICK = {
    **preload.LIBRARIES,
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


@dataclass(frozen=True)
class Place:
    """Where a local Airflow lives.

    Attributes:
        home: the folder that holds dags/, sql/ and models/.
        folder: what it writes: metadata, logs, store, secrets.
    """

    home: Path
    folder: Path

    @classmethod
    def of(cls, home: Path, folder: Path | None = None) -> "Place":
        """The usual place: `.local` in the home."""
        return cls(home.resolve(), (folder or home / ".local").resolve())

    @property
    def dags(self) -> Path:
        """Folder of the DAG files and the job files."""
        return self.home / "dags"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.folder / "airflow"

    @property
    def logs(self) -> Path:
        """Logs of the components and of the tasks."""
        return self.folder / "logs"


def environment(
    place: Place, embedded: Embedded, port: int, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of Airflow, of which each process gets what `of_component` leaves.

    Args:
        place: where this Airflow lives.
        embedded: the server that holds its metadata, and the databases that `environ` names no connection for.
        port: the port of its web address.
        environ: the environment to build on. Settings of another Airflow in it are dropped.
    """
    kept = {name: value for name, value in environ.items() if not _foreign(name)}
    tasks = str(max(4, os.cpu_count() or 1))
    local = ",".join(filter(None, [environ.get("NO_PROXY", environ.get("no_proxy", "")), HOST, "localhost"]))
    return {
        **kept,
        **_connections(embedded, environ),
        **_QUICK,
        **credentials.secrets_of(place.airflow),
        **_airflow(place, port),
        "AIRFLOW__CORE__PARALLELISM": tasks,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": embedded.uri("airflow", "airflow").replace(
            "postgresql://", "postgresql+psycopg2://", 1
        ),
        "PYTHONPATH": str(ROOT),
        "SCORING_HOME": str(place.home),
        "SCORING_STORE": environ.get("SCORING_STORE", str(place.folder / "store")),
        "SCORING_TASKS": tasks,
        "NO_PROXY": local,
        "no_proxy": local,
        # Airflow sets process titles, which would overwrite the mark by which left-over processes are found.
        "SPT_NOENV": "1",
    }


def _connections(embedded: Embedded, environ: Mapping[str, str]) -> dict[str, str]:
    """The connections of tasks and pages: those of `environ`, else the embedded server's."""
    variables = {conn_id: f"AIRFLOW_CONN_{conn_id.upper()}" for conn_id in TASK_CONNECTIONS}
    return {
        name: environ.get(name) or embedded.connections[conn_id]
        for conn_id, name in {**variables, "pages": PAGES}.items()
        # The embedded approver, janitor and pages have never heard of a real database's runs.
        if environ.get(name) or conn_id in ("warehouse", "predictions") or not environ.get(_PREDICTIONS)
    }


def _airflow(place: Place, port: int) -> dict[str, str]:
    """Airflow's own settings."""
    return {
        "AIRFLOW_HOME": str(place.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(place.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        # A loaded machine may take longer than 5 s for an answer; a task that gives up makes it slower still.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(place.logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(place.logs / "dag_processor"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
    }


def of_component(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What one of Airflow's processes gets: the web server what its pages read, and the scheduler what tasks use.

    The web server gives the connections in its environment to every task that asks: it has none.
    """
    hidden = {PAGES, "AIRFLOW__CORE__PLUGINS_FOLDER"} if name != "api-server" else set()
    return {
        key: value
        for key, value in environ.items()
        if key not in hidden and (name == "scheduler" or not key.startswith("AIRFLOW_CONN_"))
    }


def of_watch(
    place: Place, embedded: Embedded, environ: Mapping[str, str] = os.environ
) -> dict[str, str] | None:
    """What `scoring watch` gets beside Airflow: its own login, and whatever addresses messages go to.

    Returns:
        None where the predictions are in a real database, of which no login of the watch is named.
    """
    if environ.get(_PREDICTIONS) and not environ.get(WATCHER):
        return None
    others = {f"AIRFLOW_CONN_{conn_id.upper()}" for conn_id in TASK_CONNECTIONS} | {
        *_OWNERS,
        PAGES,
        ANALYST,
        API,
    }
    return {
        **{name: value for name, value in environ.items() if name not in others},
        WATCHER: environ.get(WATCHER) or embedded.connections["predictions_watcher"],
        "PYTHONPATH": str(ROOT),
        "SCORING_HOME": str(place.home),
    }


def _foreign(name: str) -> bool:
    return name.startswith("AIRFLOW__") or name in (*_OWNERS, PAGES, ANALYST, WATCHER, HEARTBEAT, API)
