"""A run's metrics for an MLflow server, by its REST API: one MLflow run for each run, however often it is entered.

An experiment is a job. The tag `scoring.run_id` says which run of ours it is.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

import httpx
import sqlalchemy as sa

from pipeline.databases import postgres, statements
from pipeline.errors import ScoringError, UsageError

_SQL = statements.load("integrations/mlflow")

# Seconds for each of a handful of short calls: a run does not wait for a server that is gone.
TIMEOUT = 10.0
# MLflow takes a thousand metrics at a time.
_AT_ONCE = 500
TAG = "scoring.run_id"

# What became of a run, in MLflow's words; what is not there has not ended.
_ENDED = {"published": "FINISHED", "superseded": "FINISHED", "abandoned": "KILLED", "failed": "FAILED"}


class TrackingError(ScoringError):
    """An MLflow server that was not reached, or refuses."""


@dataclass(frozen=True)
class Server:
    """An MLflow server.

    Attributes:
        url: its address, without a path of the API.
        login: user, if it asks for one.
        password: that user's password, or a token where there is no user.
    """

    url: str
    login: str | None = None
    password: str | None = field(default=None, repr=False)

    def client(self) -> httpx.Client:
        """A session with it."""
        headers = {"Authorization": f"Bearer {self.password}"} if self.password and not self.login else {}
        auth = (self.login, self.password or "") if self.login else None
        base = f"{self.url.rstrip('/')}/api/2.0/mlflow/"
        return httpx.Client(base_url=base, auth=auth, headers=headers, timeout=TIMEOUT)


def server(scheme: str | None, host: str | None, port: int | None, name: str, **login: str | None) -> Server:
    """The server of a connection, from its fields as Airflow's HTTP connections have them.

    Args:
        scheme: http unless given.
        host: its name, or a whole address.
        port: if it is not the scheme's own.
        name: the connection id, for the error message.
        **login: `login` and `password`, if there are.

    Raises:
        UsageError: it has no host.
    """
    if not host:
        raise UsageError(
            f"connection {name!r} has no host. Set AIRFLOW_CONN_{name.upper()}=http://mlflow.example.com:5000"
        )
    address = host if "://" in host else f"{scheme or 'http'}://{host}"
    return Server(f"{address.rstrip('/')}:{port}" if port else address, **login)


def track(server: Server, database_url: str, run_id: int, metrics: Mapping[str, float]) -> str:
    """Enter a run into its job's experiment, or add to what it has; the same again changes nothing.

    Args:
        server: where to.
        database_url: the predictions database, which has the run.
        run_id: the run.
        metrics: by name.

    Returns:
        the id that MLflow has given it.

    Raises:
        TrackingError: the server was not reached, or refused.
    """
    with postgres.engine(database_url).connect() as connection:
        run = dict(connection.execute(sa.text(_SQL["run"]), {"run_id": run_id}).mappings().one())
    with server.client() as client:
        experiment = _experiment(client, run["job"])
        mlflow_run = _find(client, experiment, run_id) or _create(client, experiment, run)
        # The day that was scored, and no clock: a retry enters the same points, and a chart has one a score date.
        at = _milliseconds(datetime.combine(run["score_date"], time(), UTC))
        points = [
            {"key": _key(name), "value": value, "timestamp": at, "step": 0}
            for name, value in metrics.items()
            if math.isfinite(value)
        ]
        for start in range(0, max(len(points), 1), _AT_ONCE):
            batch = {"metrics": points[start : start + _AT_ONCE], "params": _params(run), "tags": _tags(run)}
            _post(client, "runs/log-batch", {"run_id": mlflow_run, **batch})
        _post(client, "runs/update", {"run_id": mlflow_run, **_end(run)})
    return mlflow_run


def _experiment(client: httpx.Client, name: str) -> str:
    """The job's experiment. Asked for by a search, which says there is none without an error."""
    answer = _post(client, "experiments/search", {"filter": f"name = '{name}'", "max_results": 1})
    experiments = answer.get("experiments", [])
    return str(
        (experiments[0] if experiments else _post(client, "experiments/create", {"name": name}))[
            "experiment_id"
        ]
    )


def _find(client: httpx.Client, experiment: str, run_id: int) -> str | None:
    search = {"experiment_ids": [experiment], "filter": f"tags.`{TAG}` = '{run_id}'", "max_results": 1}
    runs = _post(client, "runs/search", search).get("runs", [])
    return str(runs[0]["info"]["run_id"]) if runs else None


def _create(client: httpx.Client, experiment: str, run: Mapping[str, Any]) -> str:
    begun = {
        "experiment_id": experiment,
        "run_name": f"{run['score_date']} run {run['run_id']}",
        "start_time": _milliseconds(run["started_at"]),
        "tags": _tags(run),
    }
    return str(_post(client, "runs/create", begun)["run"]["info"]["run_id"])


def _end(run: Mapping[str, Any]) -> dict[str, Any]:
    status = _ENDED.get(run["status"], "RUNNING")
    ended = run["published_at"] or run["scored_at"]
    return {"status": status} | ({"end_time": _milliseconds(ended)} if ended and status != "RUNNING" else {})


_PARAMS = (
    "run_id", "job", "score_date", "model_name", "model_version", "model_sha256", "code_version", "pipeline_version",
)  # fmt: skip


def _params(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """What made the scores; MLflow lets no parameter change."""
    return [{"key": name, "value": str(run[name])} for name in _PARAMS if run[name] is not None]


def _tags(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """How to find the run, and what has become of it since."""
    tags = {TAG: run["run_id"], "scoring.score_date": run["score_date"], "scoring.status": run["status"]}
    return [{"key": name, "value": str(value)} for name, value in tags.items()]


def _key(name: str) -> str:
    """A metric's name as MLflow takes it, which is a path; ours may hold a label or a value of the data."""
    parts = (re.sub(r"[^A-Za-z0-9_\-. ]", "_", part) for part in name.split(":"))
    return "/".join(part if part.strip(". ") else "_" for part in parts)[:250]


def _milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def request(client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
    """What a server answers to a request, from its JSON.

    Raises:
        TrackingError: the server was not reached, refused, or gave no JSON.
    """
    try:
        answer = client.request(method, path, **options)
        answer.raise_for_status()
        return dict(answer.json())
    except httpx.HTTPStatusError as error:
        raise TrackingError(f"{error.request.url}: {error.response.text[:500]}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise TrackingError(f"{client.base_url}{path}: {type(error).__name__}: {error}") from error


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return request(client, "POST", path, json=body)
