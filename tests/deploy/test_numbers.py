"""plugins/scoring_numbers.py: no number beyond 64 bits comes into Airflow; all else is handed on as it came."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

_PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "scoring_numbers.py"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """An application that answers with the body that it got, behind the plugin's middleware."""
    spec = importlib.util.spec_from_file_location("scoring_numbers", _PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    plugin: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    app = FastAPI()

    @app.post("/{path:path}")
    async def echo(request: Request) -> str:
        return repr(await request.body())

    app.add_middleware(plugin.BoundedNumbers)
    return TestClient(app)


@pytest.mark.parametrize(
    "number",
    [
        "1e20",
        "-1e20",
        str(2**63),
        str(-(2**63) - 1),
        "1e400",
        "9" * 5000,
        "NaN",
        "-Infinity",
        f"1e{'9' * 20}",
    ],
)
def test_a_number_beyond_64_bits_is_refused(client: TestClient, number: str) -> None:
    answer = client.post("/api/v2/dags/shop/dagRuns", content=f'{{"conf": {{"any": [{number}]}}}}')
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"the number {number[:100]} lies beyond 64 bits")


@pytest.mark.parametrize(
    "body",
    [
        b'{"conf": {"a": 9223372036854775807, "b": -9223372036854775808, "c": 2.5}}',
        b'"1e20"',
        b"",
        b"no JSON: 1e20",
        b"[" * 100_000,
        b"\xff",
        b" " * 3_000_000 + b"[1]",
    ],
)
def test_every_other_request_is_handed_on_as_it_came(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v2/dags/shop/dagRuns", content=body)
    assert (answer.status_code, answer.json()) == (200, repr(body))
    assert client.post("/execution/any", content=b"[1e20]").json() == "b'[1e20]'"
