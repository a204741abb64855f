"""What a publication says to OpenLineage, by Airflow's provider and its client, over HTTP."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.state import TaskInstanceState

from orchestration import openlineage as lineage
from tests.dags.test_publish import context, publish, shop
from tests.home import shop_rows
from tests.pipeline.shop import Shop
from tests.sinks import listening, web

__all__ = ["shop", "web"]

pytest.importorskip("airflow.providers.openlineage", reason="the provider is not installed: `make .venv`")


class Backend(ThreadingHTTPServer):
    """Takes events."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Events)
        self.got: list[dict[str, Any]] = []


class Events(BaseHTTPRequestHandler):
    server: Backend

    def do_POST(self) -> None:
        assert self.path == "/api/v1/lineage"
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def backend() -> Iterator[Backend]:
    with listening(Backend()) as server:
        yield server


def tell(backend: Backend, task: Any) -> dict[str, Any]:
    """Send a finished task's event as the provider's listener does; returns what has arrived."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    manager: Any = ExtractorManager
    metadata = manager().extract_metadata(
        SimpleNamespace(run_id="nightly"),
        task,
        task_instance_state=TaskInstanceState.SUCCESS,
        task_instance=SimpleNamespace(),
    )
    address = HttpConfig(url=f"http://127.0.0.1:{backend.server_port}")
    OpenLineageAdapter(OpenLineageClient(transport=HttpTransport(address))).complete_task(
        run_id=str(uuid4()),
        job_name=f"{task.dag_id}.publish",
        end_time="2024-03-01T02:10:00+00:00",
        task=metadata,
        nominal_start_time=None,
        nominal_end_time=None,
        owners=None,
        tags=None,
        job_description=None,
    )
    [event] = backend.got
    return event


def test_a_publication_tells_its_tables_and_numbers(shop: Shop, backend: Backend) -> None:
    shop.change("visits = NULL", "entity_id < 'customer-00003'")
    task = publish(shop)
    run_id = task.execute(context())["run_id"]
    event = tell(backend, task)
    warehouse, target = (
        sa.make_url(shop.home.workspace.warehouse),
        sa.make_url(shop.home.workspace.predictions),
    )
    [read] = event["inputs"]
    assert read["namespace"] == f"postgres://{warehouse.host or 'localhost'}:{warehouse.port or 5432}"
    assert read["name"] == f"{warehouse.database}.public.{shop.table}"
    scores, rejected = event["outputs"]
    assert scores["name"] == f"{target.database}.scoring.predictions"
    assert rejected["name"] == f"{target.database}.scoring.rejected_rows"
    assert scores["outputFacets"]["outputStatistics"]["rowCount"] == 97
    assert rejected["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert scores["facets"]["version"]["datasetVersion"] == str(run_id)
    quality = scores["facets"]["dataQualityMetrics"]
    seen = shop.predictions()["score"]
    column = quality["columnMetrics"]["score"]
    assert (quality["rowCount"], column["count"], column["nullCount"]) == (97, 97, 0)
    assert column["sum"] == pytest.approx(seen.sum())
    assert (column["min"], column["max"]) == (seen.min(), seen.max())
    assert "SELECT * FROM" in event["job"]["facets"]["sql"]["query"]
    for password in (warehouse.password, target.password):
        assert not password or password not in json.dumps(event)


def test_a_night_without_rows_tells_so(shop: Shop, backend: Backend) -> None:
    shop.change("visits = NULL")
    shop.configure("min_rows = 1", 'min_rows = 0\nrejected_fraction = "warn"')
    task = publish(shop)
    task.execute(context())
    scores, rejected = tell(backend, task)["outputs"]
    assert scores["outputFacets"]["outputStatistics"]["rowCount"] == 0
    assert rejected["outputFacets"]["outputStatistics"]["rowCount"] == len(shop_rows())


def test_a_run_that_is_held_has_published_nothing(shop: Shop, backend: Backend) -> None:
    shop.configure("min_rows = 1", "min_rows = 1000")
    task = publish(shop)
    with pytest.raises(AirflowFailException):
        task.execute(context(run_type="backfill"))
    event = tell(backend, task)
    assert event["inputs"] == []
    assert event["outputs"] == []


@pytest.mark.parametrize(
    ("address", "namespace", "name"),
    [
        ("duckdb:////data/w.duckdb", "file", "data/w.duckdb.TABLE"),
        ("sqlite:////data/w.db", "file", "data/w.db.TABLE"),
        ("mysql+pymysql://ana:word@db.example:3306/shop", "mysql://db.example:3306", "shop.TABLE"),
    ],
)
def test_other_warehouses_have_names_of_their_own(
    shop: Shop, address: str, namespace: str, name: str
) -> None:
    run_id = shop.home.score(shop.job).run_id
    workspace = replace(shop.home.workspace, warehouse=address)
    [read] = lineage.of_publication(shop.home.read(shop.job), workspace, run_id).inputs
    assert (read.namespace, read.name) == (namespace, name.replace("TABLE", shop.table))


def test_a_query_that_nobody_can_take_apart_is_named_itself(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    shop.query("SELEC nothing")
    [read] = lineage.of_publication(shop.home.read(shop.job), shop.home.workspace, run_id).inputs
    assert read.name == f"{shop.job}.sql"
