"""pipeline/integrations/mlflow.py: a run in an MLflow server, once, in the words of its REST API.

The server here holds every request against what MLflow 3.17's documentation says of it. `MLFLOW_TRACKING_URI` in the
environment names a real one to try as well.
"""

import json
import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from pipeline.errors import UsageError
from pipeline.integrations.mlflow import Server, TrackingError, server, track
from pipeline.tasks import log_metrics
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop
from tests.sinks import listening

KEY = re.compile(r"[A-Za-z0-9_\-. :/]{1,250}")
# Each call's fields and their types; what ends in ? may be left out.
FIELDS: dict[str, dict[str, Any]] = {
    "experiments/search": {"filter": str, "max_results": int},
    "experiments/create": {"name": str},
    "runs/search": {"experiment_ids": list, "filter": str, "max_results": int},
    "runs/create": {"experiment_id": str, "run_name": str, "start_time": int, "tags": list},
    "runs/log-batch": {"run_id": str, "metrics": list, "params": list, "tags": list},
    "runs/update": {"run_id": str, "status": str, "end_time?": int},
}
STATUS = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


class Mlflow(ThreadingHTTPServer):
    """As much of an MLflow server as is asked for here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.experiments: list[str] = []
        self.runs: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.calls: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, call: str, said: dict[str, Any]) -> dict[str, Any]:
        """What MLflow answers, or an error of what is wrong with the request."""
        known = FIELDS[call]
        kinds = {name.rstrip("?"): kind for name, kind in known.items()}
        assert set(said) <= set(kinds), said
        assert {name for name in known if not name.endswith("?")} <= set(said), said
        assert all(isinstance(value, kinds[name]) for name, value in said.items()), said
        return dict(getattr(self, "_" + re.sub(r"\W", "_", call))(said))

    def _experiments_search(self, said: dict[str, Any]) -> dict[str, Any]:
        name = re.fullmatch(r"name = '(\w+)'", said["filter"])
        assert name
        ids = [str(place) for place, known in enumerate(self.experiments) if known == name[1]]
        return {"experiments": [{"experiment_id": place} for place in ids]} if ids else {}

    def _experiments_create(self, said: dict[str, Any]) -> dict[str, Any]:
        assert said["name"] not in self.experiments
        self.experiments.append(said["name"])
        return {"experiment_id": str(len(self.experiments) - 1)}

    def _runs_search(self, said: dict[str, Any]) -> dict[str, Any]:
        asked = re.fullmatch(r"tags\.`([\w.]+)` = '(\d+)'", said["filter"])
        assert asked
        matches = [run for run in self.runs if run["tags"].get(asked[1]) == asked[2]]
        return {"runs": [{"info": {"run_id": run["run_id"]}} for run in matches]} if matches else {}

    def _runs_create(self, said: dict[str, Any]) -> dict[str, Any]:
        tags = {pair["key"]: pair["value"] for pair in said["tags"]}
        run = {"run_id": f"{len(self.runs):032}", "tags": tags, "params": {}, "metrics": set()}
        self.runs.append({**run, "experiment": self.experiments[int(said["experiment_id"])]})
        return {"run": {"info": {"run_id": run["run_id"]}}}

    def _runs_log_batch(self, said: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[int(said["run_id"])]
        assert len(said["metrics"]) + len(said["params"]) + len(said["tags"]) <= 1000
        for one in said["metrics"]:
            assert set(one) == {"key", "value", "timestamp", "step"}
            assert KEY.fullmatch(one["key"]), one
            assert os.path.normpath(one["key"]) == one["key"], one
            assert isinstance(one["timestamp"], int)
            run["metrics"].add((one["key"], one["value"], one["timestamp"]))
        for one in said["params"]:
            assert run["params"].setdefault(one["key"], one["value"]) == one["value"], "a param never changes"
        run["tags"] |= {one["key"]: one["value"] for one in said["tags"]}
        return {}

    def _runs_update(self, said: dict[str, Any]) -> dict[str, Any]:
        assert said["status"] in STATUS
        self.runs[int(said["run_id"])].update(said)
        return {}


class Api(BaseHTTPRequestHandler):
    server: Mlflow

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.path.removeprefix("/api/2.0/mlflow/")
        self.server.headers.append(self.headers.get("Authorization"))
        self.server.calls.append(call)
        status, answer = self.server.status, {"error_code": "INTERNAL_ERROR", "message": "no room"}
        if status == 200:
            try:
                answer = self.server.answer(call, content)
            except (AssertionError, KeyError) as error:
                status, answer = 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": repr(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def mlflow() -> Iterator[Mlflow]:
    with listening(Mlflow()) as server:
        yield server


def scored(shop: Shop) -> tuple[int, dict[str, float]]:
    """A published run, and its numbers."""
    run_id = shop.home.score(shop.job).run_id
    return run_id, log_metrics.read(shop.home.workspace.predictions, run_id)


def test_a_run_arrives_once_however_often_it_is_told(home: Home, mlflow: Mlflow) -> None:
    shop = open_shop(home)
    run_id, tags = scored(shop)
    for _ in range(2):
        track(Server(mlflow.url), home.workspace.predictions, run_id, tags)
    [run] = mlflow.runs
    assert (run["experiment"], run["status"]) == (shop.job, "FINISHED")
    assert run["params"]["model_version"] == "1"
    assert (run["params"]["job"], run["params"]["score_date"]) == (shop.job, "2024-03-01")
    assert run["params"]["run_id"] == run["tags"]["scoring.run_id"] == str(run_id)
    assert run["tags"]["scoring.status"] == "published"
    midnight = 1709251200000
    assert ("rows_scored", 100, midnight) in run["metrics"]
    assert ("label_share/true", tags["label_share:true"], midnight) in run["metrics"]
    assert len(run["metrics"]) == len(tags)


def test_what_the_results_say_later_is_added_to_the_same_run(home: Home, mlflow: Mlflow) -> None:
    shop = open_shop(home)
    run_id, tags = scored(shop)
    track(Server(mlflow.url), home.workspace.predictions, run_id, tags)
    track(Server(mlflow.url), home.workspace.predictions, run_id, {"outcomes:roc_auc": 0.75})
    [run] = mlflow.runs
    assert {"outcomes/roc_auc", "rows_scored"} <= {key for key, _, _ in run["metrics"]}
    assert mlflow.calls.count("experiments/create") == 1


def test_a_run_that_is_held_has_not_ended_there(home: Home, mlflow: Mlflow) -> None:
    shop = open_shop(home)
    run = shop.extract()
    shop.home.sql("UPDATE scoring.scoring_runs SET status = 'held' WHERE run_id = :run_id", run_id=run.run_id)
    track(Server(mlflow.url), home.workspace.predictions, run.run_id, {})
    assert (mlflow.runs[0]["status"], mlflow.runs[0]["tags"]["scoring.status"]) == ("RUNNING", "held")


def test_any_name_and_any_number_of_them_is_taken(home: Home, mlflow: Mlflow) -> None:
    shop = open_shop(home)
    run_id, _ = scored(shop)
    odd = {"label_share:..": 1.0, "label_share:a/../é": 2.0, "label_share:": 3.0, "x" * 300: 4.0}
    many = {f"business:{number}": float(number) for number in range(1100)}
    track(Server(mlflow.url), home.workspace.predictions, run_id, {**odd, **many, "endless": float("inf")})
    assert len(mlflow.runs[0]["metrics"]) == 1104


@pytest.mark.parametrize(
    ("login", "password", "header"),
    [
        ("ana", "se:cret", f"Basic {b64encode(b'ana:se:cret').decode()}"),
        (None, "token", "Bearer token"),
        (None, None, None),
    ],
)
def test_it_logs_in_as_the_connection_says(
    home: Home, mlflow: Mlflow, login: str | None, password: str | None, header: str | None
) -> None:
    run = open_shop(home).extract()
    there = server("http", "127.0.0.1", mlflow.server_port, "mlflow", login=login, password=password)
    track(there, home.workspace.predictions, run.run_id, {})
    assert set(mlflow.headers) == {header}
    assert "token" not in repr(there)
    assert "se:cret" not in repr(there)


def test_the_address_is_that_of_the_connection() -> None:
    assert server("https", "a.example", None, "m").url == "https://a.example"
    assert server(None, "a.example", 5000, "m").url == "http://a.example:5000"
    assert server("http", "https://a.example/mlflow/", None, "m").url == "https://a.example/mlflow/"
    with pytest.raises(UsageError, match="connection 'm' has no host. Set AIRFLOW_CONN_M=http://"):
        server("http", None, 5000, "m")


def test_a_server_that_refuses_or_is_gone_is_named(home: Home, mlflow: Mlflow) -> None:
    run, uri = open_shop(home).extract(), home.workspace.predictions
    mlflow.status = 500
    with pytest.raises(TrackingError, match=r"/api/2.0/mlflow/experiments/search: .*no room"):
        track(Server(mlflow.url, "ana", "secret-word"), uri, run.run_id, {})
    mlflow.server_close()
    mlflow.shutdown()
    with pytest.raises(TrackingError, match=f"{mlflow.url}/api/2.0/mlflow/experiments/search: ConnectError"):
        track(Server(mlflow.url), uri, run.run_id, {})


@pytest.mark.skipif("MLFLOW_TRACKING_URI" not in os.environ, reason="no MLflow server to try")
def test_a_real_server_takes_it(home: Home) -> None:
    url, shop = os.environ["MLFLOW_TRACKING_URI"], open_shop(home)
    # An experiment of its own on a server that may know others.
    name = home.job(f"SELECT * FROM {shop.table}", "shop", name=f"real_{time.time_ns()}")
    shop = replace(shop, job=name)
    run_id, tags = scored(shop)
    odd = {"label_share:..": 1.0, "label_share:a/../é": 2.0, "x" * 300: 4.0}
    there = {track(Server(url), home.workspace.predictions, run_id, tags | odd) for _ in range(2)}
    assert len(there) == 1
    answer = httpx.get(f"{url}/api/2.0/mlflow/runs/get", params={"run_id": there.pop()}).json()["run"]
    assert answer["info"]["status"] == "FINISHED"
    kept = {one["key"]: one["value"] for one in answer["data"]["metrics"]}
    assert kept["rows_scored"] == 100
    assert len(kept) == len(tags) + len(odd)
    assert {"key": "score_date", "value": str(NIGHT)} in answer["data"]["params"]
