"""pipeline/serving/service.py: what goes on where the database is gone; all else is asked of a real process."""

import asyncio

import httpx
import pytest

from pipeline.model.loaded_model import Model
from pipeline.serving import app, service
from pipeline.serving.models.catalogue import Catalogue
from pipeline.serving.requests.limits import Limits, Refused
from pipeline.serving.service import Service
from tests.home import Home, shop_model
from tests.pipeline.serving.api import token

ROW = {"entity_id": "new", "visits": 7, "channel": "web", "member": True}
GONE = "postgresql://nobody@127.0.0.1:9/predictions?connect_timeout=2"


def test_rows_are_scored_and_look_ups_refused_while_the_database_is_gone(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "REFRESH_SECONDS", 0.02)
    estimator, reference = shop_model()
    home.model("shop", estimator, reference)
    job, bearer = home.job("SELECT 1", "shop"), token(home)
    addresses = {"predictions_api": home.server.connections["predictions_api"]}
    catalogue = Catalogue(home.path, Limits(), (job,), lambda pinned: Model(pinned.manifest, estimator))
    running = Service(catalogue, Limits(), addresses.__getitem__)

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app.of(running))
        headers = {"Authorization": f"Bearer {bearer}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            assert (await client.get("/v2/health/ready")).status_code == 503
            assert (await client.post(f"/v1/jobs/{job}/score", json={"rows": [ROW]})).status_code == 503
            await running.begin()
            while (await client.get("/v2")).status_code != 200 or not catalogue.looked:
                await asyncio.sleep(0.01)
            addresses["predictions_api"] = GONE
            while "tokens cannot be read" not in caplog.text:
                await asyncio.sleep(0.01)
            scored = await client.post(f"/v1/jobs/{job}/score", json={"rows": [ROW]})
            assert scored.status_code == 200
            looked = await client.get(f"/v1/jobs/{job}/predictions/customer-00001")
            assert (looked.status_code, looked.json()["code"]) == (503, "database_gone")
            assert looked.headers["Retry-After"] == "2"
            [listed] = (await client.get("/v1/jobs")).json()["jobs"]
            assert (listed["published"], "does not answer" in listed["problem"]) == (None, True)
            assert (await client.get("/v2/health/ready")).status_code == 200
            await running.end()

    asyncio.run(ask())


def test_a_fault_of_ours_is_an_answer_and_the_log_has_no_value_of_it(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    running = Service(Catalogue(home.path, Limits()), Limits())

    def fail(*_: object) -> None:
        raise KeyError("a value of the request")

    running.admit = fail  # type: ignore[method-assign, assignment]

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app.of(running))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get("/v1/jobs")

    answered = asyncio.run(ask())
    assert (answered.status_code, answered.json()["code"]) == (500, "failed")
    assert "KeyError at" in caplog.text
    assert "a value of the request" not in caplog.text


def test_a_connection_that_is_not_set_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_API")
    running = Service(Catalogue(home.path, Limits()), Limits())
    with pytest.raises(Exception, match="Set AIRFLOW_CONN_PREDICTIONS_API"):
        running._read_tokens()
    with pytest.raises(Refused, match="The tokens cannot be read yet"):
        running.admit("Bearer x")
