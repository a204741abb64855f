"""Airflow's REST API, as much of it as the demo and the end-to-end tests use."""

import contextlib
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from local.processes import LocalError

FINISHED = frozenset({"success", "failed"})
# Seconds between two looks at a run: each costs the api-server what the run's tasks need.
_EVERY = 1

Json = dict[str, Any]


class SilentError(LocalError):
    """An api-server that does not answer, or not in time."""


class Rest:
    """One logged-in user of one Airflow.

    Args:
        url: address of the api-server, without a path.
        user: name to log in with.
        password: that user's password.
        trust: whom to believe that a certificate is the api-server's; the usual authorities unless given.
    """

    def __init__(
        self, url: str, user: str, password: str, trust: ssl.SSLContext | Literal[True] = True
    ) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        # Proxies of the environment are for other hosts: this one is always the loopback.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def login(self) -> None:
        """Take a token; `call` does this by itself when it is missing or has expired."""
        answer = self._send("POST", "/auth/token", self._login)
        if answer.status_code != httpx.codes.CREATED:
            raise LocalError(f"{self.url} refused the login of {self._login['username']}: {answer.text}")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Call `/api/v2` + path and return the JSON of the answer.

        Raises:
            LocalError: the answer is not a success; the message holds what Airflow said.
        """
        params = {key: str(value) for key, value in query.items()}
        if "Authorization" not in self._http.headers:
            self.login()
        answer = self._send(method, "/api/v2" + path, body, params)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.login()
            answer = self._send(method, "/api/v2" + path, body, params)
        if not answer.is_success:
            raise LocalError(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def health(self) -> Json:
        """Health of each component, with the time of its last heartbeat."""
        return dict(self.call("GET", "/monitor/health"))

    def warm_up(self) -> None:
        """Have the api-server build the part that tasks talk to, which it puts off until the first request."""
        # It only saves time: on a busy machine the first task waits for it just as long.
        with contextlib.suppress(httpx.TransportError):
            self._http.get("/execution/health/ping", timeout=120).raise_for_status()

    def dag(self, dag_id: str) -> Json | None:
        """What Airflow knows of a DAG; None before its file has been parsed."""
        dags = self.call("GET", "/dags", dag_id_pattern=dag_id, exclude_stale=True)["dags"]
        return next((dict(dag) for dag in dags if dag["dag_id"] == dag_id), None)

    def import_errors(self, since: datetime | None = None) -> dict[str, str]:
        """What went wrong with files that were read `since`, by file name."""
        errors = self.call("GET", "/importErrors", limit=100)["import_errors"]
        return {
            error["filename"]: error["stack_trace"]
            for error in errors
            if since is None or datetime.fromisoformat(error["timestamp"]) >= since
        }

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self.call("PATCH", f"/dags/{_id(dag_id)}", {"is_paused": False})

    def trigger(
        self, dag_id: str, logical_date: datetime | None = None, conf: Mapping[str, object] | None = None
    ) -> str:
        """Trigger one run, as the web form does; returns its run id."""
        body = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": dict(conf or {})}
        return str(self.call("POST", f"/dags/{_id(dag_id)}/dagRuns", body)["dag_run_id"])

    def backfill(self, dag_id: str, first: datetime, last: datetime, **options: object) -> int:
        """Have the scheduler run every logical date from `first` to `last`; returns the backfill's id.

        Args:
            dag_id: the DAG.
            first: earliest logical date.
            last: latest logical date.
            **options: further fields of the request, for example `reprocess_behavior` or `max_active_runs`.
        """
        body = {"dag_id": dag_id, "from_date": first.isoformat(), "to_date": last.isoformat(), **options}
        return int(self.call("POST", "/backfills", body)["id"])

    def fail(self, dag_id: str, run_id: str) -> None:
        """Mark a run, and what runs of it, as failed."""
        self.call("PATCH", f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}", {"state": "failed"})

    def runs(self, dag_id: str, **query: object) -> list[Json]:
        """Runs of a DAG, by logical date."""
        path = f"/dags/{_id(dag_id)}/dagRuns"
        return list(self.call("GET", path, order_by="logical_date", limit=100, **query)["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> Json:
        """One run."""
        return dict(self.call("GET", f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}"))

    def wait(self, dag_id: str, run_id: str, seconds: float = 900) -> Json:
        """Wait until a run has ended, and return it.

        Raises:
            LocalError: it has not after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while (run := self.run(dag_id, run_id))["state"] not in FINISHED:
            if time.monotonic() > deadline:
                raise LocalError(f"run {run_id} of {dag_id} is still {run['state']} after {seconds:.0f} s")
            time.sleep(_EVERY)
        return run

    def tasks(self, dag_id: str, run_id: str, **query: object) -> list[Json]:
        """Task instances of a run (`~` for all runs of the DAG)."""
        path = f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}/taskInstances"
        return list(self.call("GET", path, limit=100, **query)["task_instances"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """What a task returned."""
        path = (
            f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}/taskInstances/{_id(task_id)}/xcomEntries/{_id(key)}"
        )
        return self.call("GET", path, map_index=map_index, deserialize=False)["value"]

    def log(
        self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1
    ) -> list[str]:
        """The lines that a try of a task logged."""
        path = f"/dags/{_id(dag_id)}/dagRuns/{_id(run_id)}/taskInstances/{_id(task_id)}/logs/{try_number}"
        content = self.call("GET", path, map_index=map_index, full_content=True)["content"]
        return [line if isinstance(line, str) else str(line.get("event", "")) for line in content]

    def asset_events(self, **query: object) -> list[Json]:
        """Events of assets, oldest first, each with its `extra`."""
        return list(
            self.call("GET", "/assets/events", order_by="timestamp", limit=100, **query)["asset_events"]
        )

    def _send(
        self, method: str, path: str, body: object, params: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body, params=params)
        except httpx.TransportError as error:
            raise SilentError(f"{self.url} does not answer: {error}") from error


def _id(text: str) -> str:
    return quote(text, safe="~")
