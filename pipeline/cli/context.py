"""What commands find in this checkout: its jobs, and the databases that they name."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import loader, workspace
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import connections
from pipeline.databases.connections import AddressError
from pipeline.embedded import server

JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of a job: its file in dags/ without .toml.")
]

# Names the login of an analyst, as libpq's URI.
ANALYST = "SCORING_ANALYST"


def dags() -> Path:
    """The folder of the job files."""
    return workspace.home() / "dags"


def job(name: str) -> Job:
    """The job of that name.

    Raises:
        JobError: there is none, or its file cannot be used.
    """
    return loader.find(dags(), name)


def workspace_of(job: Job) -> Workspace:
    """Where a job's runs are scored.

    Raises:
        AddressError: a connection is not set, or cannot be used.
    """
    return Workspace.of(job, connection, _warehouse)


def archive_workspace() -> Workspace:
    """Where runs that are over have left their scores and parts; no warehouse is asked.

    Raises:
        AddressError: the connection is not set, or cannot be used.
    """
    return Workspace(workspace.home(), workspace.store(), warehouse="", predictions=connection("predictions"))


def connection(conn_id: str) -> str:
    """Address of a Postgres, as `AIRFLOW_CONN_<ID>` or the embedded server has it.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return connections.postgres(_uri(conn_id), conn_id)


def analyst(conn_id: str) -> str:
    """Address of a predictions database as an analyst, else as the pipeline, whose login reads it as well.

    `SCORING_ANALYST` is the login of an analyst. The web server would give a connection of Airflow's to every task.

    Args:
        conn_id: the connection that a job writes with.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    if conn_id != "predictions":
        return connection(conn_id)
    if uri := os.environ.get(ANALYST):
        return connections.postgres(uri, ANALYST)
    return connection("predictions" if "AIRFLOW_CONN_PREDICTIONS" in os.environ else "analyst")


def _warehouse(conn_id: str) -> str:
    return connections.warehouse(_uri(conn_id), conn_id)


def janitor(conn_id: str) -> str:
    """Address of a predictions database, as the role that throws away.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return _beside(conn_id, "_JANITOR", "a login that is a member of scoring_janitor")


def watcher(conn_id: str) -> str:
    """Address of a predictions database, as the role that watches promises.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return _beside(f"{conn_id}_watcher", "_WATCHER", "a login that is a member of scoring_watcher")


def approver() -> str:
    """Address of the predictions database, as the role that decides.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return _beside("predictions_approver", "_APPROVER", "a login that is a member of scoring_approver")


def api(conn_id: str) -> str:
    """Address of a predictions database, as the role of the API.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return _beside(conn_id, "_API", "a login that is a member of scoring_api and scoring_analyst")


def owner(conn_id: str) -> str:
    """Address of a predictions database, as the owner of its schema.

    Raises:
        AddressError: it is not set, or cannot be used.
    """
    return _beside(conn_id, "_OWNER", "the login that owns the schema scoring")


def _beside(conn_id: str, suffix: str, login: str) -> str:
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    # The embedded database has never heard of the runs of a real one, and would take their parts for leftovers.
    if name.removesuffix(suffix) in os.environ and name not in os.environ:
        raise AddressError(f"no connection {conn_id!r}. Set {name}, as {login}.")
    return connection(conn_id)


def _uri(conn_id: str) -> str:
    uri = server.connection(conn_id, workspace.home() / ".local")
    if uri is None:
        raise connections.missing(conn_id)
    return uri
