"""Which task sees which credential: in one place, for every way of running tasks.

Under Docker each queue has workers of its own, and their environment is the boundary (docker-compose.yaml). Wherever a
task runs, its environment is cut down to its own line before its work begins: all tasks of a local Airflow are children
of one scheduler. A model's pickle runs code, so the tasks of the queue `model` hold no database and no secret.
"""

import ctypes
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration._airflow import sensitive_settings
from pipeline.config.job import Job

_CONNECTION, _VARIABLE, _SETTING = "AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__"
# Variables that somebody may have set beside Airflow's. A model's task needs the store's own credentials, and the
# public key of signatures.
_SECRET = re.compile(
    r"PASS(WORD|WD|PHRASE|FILE)?\b|PASSWORD|SECRET|TOKEN|PRIVATE|SIGNING_KEY|_DSN\b|SCORING_(ANALYST|PAGES|HEARTBEAT)"
)
_OF_THE_STORE = ("AWS_", "AZURE_", "GOOGLE_", "FSSPEC_")
# Where a secrets backend keeps connections, a task that has some asks it.
_BACKENDS = ("secrets", "workers")


@dataclass(frozen=True)
class Need:
    """What a task needs.

    Attributes:
        connections: ids of connections; `warehouse`, `predictions`, `predictions_approver`, `alerts` and `mlflow` stand
            for those that the job file names.
        queue: the queue whose workers have these connections and no others.
    """

    connections: tuple[str, ...] = ()
    queue: str = "default"


TASKS: Mapping[str, Need] = {
    "ready": Need(("warehouse", "predictions", "alerts")),
    "extract": Need(("warehouse", "predictions", "alerts")),
    "load_model": Need(queue="model"),
    "predict": Need(queue="model"),
    "note_failure": Need(("predictions", "alerts")),
    "write": Need(("predictions", "alerts")),
    "log_metrics": Need(("predictions", "alerts")),
    "publish": Need(("warehouse", "predictions", "alerts", "mlflow")),
    "decide": Need(("warehouse", "predictions", "predictions_approver", "alerts", "mlflow"), "approver"),
    "begin_challenge": Need(("predictions",)),
    "challenge": Need(queue="model"),
    "end_challenge": Need(("predictions",)),
    "begin_reasons": Need(("predictions",)),
    "explain": Need(queue="model"),
    "end_reasons": Need(("predictions",)),
    "fallback": Need(("warehouse", "predictions", "alerts")),
    "measure": Need(("warehouse", "predictions", "alerts", "mlflow")),
    "begin_training": Need(("predictions", "alerts")),
    "extract_training": Need(("warehouse", "predictions", "alerts")),
    "train": Need(queue="model"),
    "register_candidate": Need(("predictions", "alerts")),
    "note_training": Need(("predictions", "alerts")),
    "prune": Need(("predictions_janitor",), "janitor"),
    "inspect": Need(("predictions", "alerts")),
}


def keep_needed(task: str, job: Job | None = None, *, also: Collection[str] = ()) -> None:
    """Drop from this process' environment every credential that a task does not need.

    Args:
        task: the task's id.
        job: whose task it is, where it is a job's.
        also: further connections that it needs, where it is no job's.
    """
    need = TASKS[task]
    named = _named(job) if job else {}
    needed = {named.get(conn_id, conn_id) for conn_id in need.connections} | set(also)
    wanted = {f"{_CONNECTION}{conn_id.upper()}" for conn_id in needed if conn_id}
    _drop(_credentials(backends=not need.connections) - wanted)


@contextmanager
def hidden() -> Iterator[None]:
    """Hide every credential in this process' environment while a model is unpickled beside a database's address."""
    credentials = {name: os.environ[name] for name in _credentials(backends=True)}
    _drop(credentials)
    try:
        yield
    finally:
        os.environ.update(credentials)


def _named(job: Job) -> dict[str, str | None]:
    return {
        "warehouse": job.extract.connection,
        "predictions": job.write.connection,
        "predictions_approver": f"{job.write.connection}_approver",
        "alerts": job.alerts.to,
        "mlflow": job.tracking.mlflow,
    }


def _credentials(*, backends: bool) -> set[str]:
    """Names in the environment that hold a credential: with `backends` whatever looks like one, too."""
    secrets = tuple(
        f"{_SETTING}{section}__{key}".upper()
        for section, key in sensitive_settings()
        if backends or section not in _BACKENDS
    )
    # A setting may come from NAME_CMD and NAME_SECRET, too.
    return {
        name
        for name in os.environ
        if name.startswith((_CONNECTION, _VARIABLE, *secrets))
        or (backends and _SECRET.search(name) and not name.startswith(_OF_THE_STORE))
    }


def _drop(names: Collection[str]) -> None:
    for name in names:
        del os.environ[name]
    _erase({name.encode() for name in names})


def _erase(names: Collection[bytes]) -> None:
    """Overwrite variables in the block that the process was started with, which /proc shows whatever is unset later."""
    status = Path("/proc/self/stat")
    if not status.exists():
        return
    # Fields 50 and 51 of proc(5); the second one, the program's name, may hold spaces.
    start, end = (int(field) for field in status.read_text().rpartition(")")[2].split()[47:49])
    place = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        if entry.partition(b"=")[0] in names:
            ctypes.memset(place, ord("-"), len(entry))
        place += len(entry) + 1
