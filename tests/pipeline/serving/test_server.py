"""pipeline/serving/server.py: processes that share a socket and their figures, and end in order."""

import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pipeline.errors import UsageError
from pipeline.serving import server
from tests.pipeline.serving.api import serving
from tests.pipeline.shop import Shop

ROW = {"entity_id": "new", "visits": 7, "channel": "web", "member": True}
REQUESTS = 40


def test_workers_share_a_socket_and_figures_and_end_in_order(shop: Shop, tmp_path: Path) -> None:
    with serving(shop.home, tmp_path, "--workers", "2", "--job", shop.job) as api:
        path = f"/v1/jobs/{shop.job}/score"
        headers = dict(api.client.headers)

        def ask(_: int) -> int:
            # A connection each, so that both workers get some.
            answered = httpx.post(
                api.url + path, json={"rows": [ROW]}, headers=headers, timeout=60, trust_env=False
            )
            return answered.status_code

        with ThreadPoolExecutor(8) as threads:
            api.until(lambda: set(threads.map(ask, range(8))) == {200})  # both have their models
            before = scored(api.client)
            assert list(threads.map(ask, range(REQUESTS))) == [200] * REQUESTS
        assert scored(api.client) - before == REQUESTS, "any worker answers for both"
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(60) == 0
    assert "Traceback" not in api.log.read_text()


def scored(client: httpx.Client) -> float:
    [number] = re.findall(
        r'^scoring_api_rows_total{answer="scored".*} (.*)$', client.get("/metrics").text, re.MULTILINE
    )
    return float(number)


def test_a_port_that_somebody_has_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(UsageError, match=f"nothing can listen on 127.0.0.1 port {port}"),
            server.listening("127.0.0.1", port),
        ):
            pass
