"""Sinks that are down: the night is published, nothing stands in its way, and what people must know reaches them later.

Row 40 of the fault matrix, with real servers on real ports: nothing listens there, then somebody does.
"""

import json
import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pipeline.integrations import mlflow as tracking
from pipeline.integrations import outbox
from tests.dags.test_exporters import statsd
from tests.dags.test_publish import context, dag, publish
from tests.dags.test_publish import shop as shop_with_hook
from tests.home import NIGHT
from tests.pipeline.shop import Shop
from tests.ports import free_ports
from tests.sinks import Mail, Web, web

__all__ = ["shop_with_hook", "web"]


@pytest.fixture
def ports() -> list[int]:
    """Where sinks will be; nobody listens yet."""
    return free_ports(4)


@pytest.fixture
def shop(shop_with_hook: Shop, ports: list[int], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A job whose people get mail and a web hook, and whose numbers go to MLflow; its nights are unusual."""
    shop, (mail, hook, mlflow, _) = shop_with_hook, ports
    name = shop.home.name("team")
    sender = f"mailto://127.0.0.1:{mail}?from=scoring@example.com&to=team@example.com&mode=insecure"
    config = [{"path": sender}, {"path": f"json://caller:secret-word@127.0.0.1:{hook}/hook"}]
    connection = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW", f"http://ana:secret-word@127.0.0.1:{mlflow}")
    shop.change("visits = NULL", "entity_id < 'customer-00010'")
    shop.configure(
        'min_rows = 1\n\n\\[alerts]\nto = "alerts"',
        f'rejected_fraction = "warn"\n\n[alerts]\nto = "{name}"\n\n[tracking]\nmlflow = "mlflow"',
    )
    return shop


def waits(shop: Shop) -> list[dict[str, Any]]:
    """The job's messages that have not been sent."""
    return [
        row
        for row in outbox.newest(shop.home.workspace.predictions, 100)
        if row["job"] == shop.job and row["sent_at"] is None
    ]


def night(shop: Shop, number: int = 0) -> int:
    """Publish one of the job's nights under Airflow; returns its run."""
    task_context = context(NIGHT + timedelta(days=number), run_id=f"night {number}")
    return int(publish(shop).execute(task_context)["run_id"])


def test_a_night_is_published_with_every_sink_down(
    shop: Shop, ports: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    with statsd("127.0.0.1", ports[3]):
        run_id = night(shop)
    assert shop.status(run_id) == "published"
    assert len(shop.predictions()) == 90
    assert "_track: the run goes on without it" in caplog.text
    assert f"http://127.0.0.1:{ports[2]}/api/2.0/mlflow/experiments/search: ConnectError" in caplog.text
    [kept] = waits(shop)
    assert kept["title"] == f"{shop.job} 2024-03-01: published, with something unusual"
    assert kept["tries"] == 1
    for address in (f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"):
        assert f"{address}" in kept["last_error"]
    assert "secret-word" not in caplog.text + kept["last_error"]


def test_a_statsd_server_of_no_known_address_stops_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with statsd("no-such-host.invalid", 8125):
        assert shop.status(night(shop)) == "published"


def test_what_was_kept_is_sent_when_a_sink_is_back_to_each_once(shop: Shop, ports: list[int]) -> None:
    night(shop)
    inbox = Mail()
    mailbox = Controller(inbox, hostname="127.0.0.1", port=ports[0])
    mailbox.start()
    try:
        dag(shop).default_args["on_failure_callback"](
            {**context(NIGHT + timedelta(days=1), run_id="night 1"), "exception": ValueError("no network")}
        )
        [letter] = inbox.got
        assert (
            letter["Subject"].strip()  # a long one begins on a line of its own
            == f"2 messages, the first: {shop.job} 2024-03-01: published, with something unusual"
        )
        assert len(waits(shop)) == 2  # the web hook lacks both
        with Web(ports[1]) as hook:
            threading.Thread(target=hook.serve_forever, daemon=True).start()
            shop.change("visits = 3", "visits IS NULL")
            night(shop, 2)  # a night with nothing to tell
            hook.shutdown()
        [posted] = hook.got
        assert "no network" in posted["message"]
        assert "10 of 100 rows were rejected" in posted["message"]
        assert len(inbox.got) == 1
        assert waits(shop) == []
    finally:
        mailbox.stop()


def test_sinks_that_take_a_call_and_never_answer_are_given_up(
    shop: Shop, ports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", ports[1])), socket.create_server(("127.0.0.1", ports[2])):
        run_id = night(shop)
    assert shop.status(run_id) == "published"
    assert len(waits(shop)) == 1
