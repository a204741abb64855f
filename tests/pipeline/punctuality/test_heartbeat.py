"""pipeline/punctuality/heartbeat.py: a monitor elsewhere knows that the watch lives, and no log shows its address."""

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.punctuality import heartbeat
from pipeline.punctuality.heartbeat import HeartbeatError
from tests.ports import free_ports

SECRET = "0f3c-secret-path"


class Monitor(ThreadingHTTPServer):
    """A dead man's switch: it keeps the paths that it was asked for, and answers as it is told."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Monitor

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_url_is_asked_for(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert heartbeat.ping(f"http://127.0.0.1:{monitor.server_port}/{SECRET}")
    assert monitor.asked == [f"/{SECRET}"]
    assert SECRET not in caplog.text


def test_one_that_refuses_or_is_not_there_is_named_by_its_host(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    for monitor.status in (302, 404):
        assert not heartbeat.ping(f"http://127.0.0.1:{monitor.server_port}/{SECRET}")
    assert not heartbeat.ping(f"https://hc..example/{SECRET}")
    assert not heartbeat.ping(f"http://127.0.0.1:{monitor.server_port}/{SECRET}")
    assert not heartbeat.ping(f"http://user:{SECRET}@127.0.0.1:{free_ports(1)[0]}/{SECRET}")
    assert "the heartbeat at 127.0.0.1 answered 404" in caplog.text
    assert "the heartbeat at 127.0.0.1 was not reached" in caplog.text
    assert SECRET not in caplog.text


def test_an_answer_that_trickles_keeps_nobody_waiting(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Trickle(Answer):
        def do_GET(self) -> None:
            with suppress(OSError):
                for byte in b"HTTP/1.0 200 OK\r\n" + b"X-Long: yes\r\n" * 20 + b"\r\n":
                    self.wfile.write(bytes([byte]))
                    threading.Event().wait(0.02)

    monitor.RequestHandlerClass = Trickle
    monkeypatch.setattr(heartbeat, "_SECONDS", 0.5)
    assert not heartbeat.ping(f"http://127.0.0.1:{monitor.server_port}/{SECRET}")
    assert "was not reached: TimeoutError" in caplog.text


def test_the_url_comes_from_the_environment() -> None:
    assert heartbeat.url({}) is None
    assert heartbeat.url({"SCORING_HEARTBEAT": " https://example.org/x "}) == "https://example.org/x"


@pytest.mark.parametrize(
    "value", [SECRET, f"ftp://example.org/{SECRET}", f"https:///{SECRET}", f"http://[{SECRET}"]
)
def test_what_is_no_web_address_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(HeartbeatError, match="SCORING_HEARTBEAT is no web address") as refused:
        heartbeat.url({"SCORING_HEARTBEAT": value})
    assert SECRET not in str(refused.value)


def test_a_file_is_touched_or_its_fault_is_named(tmp_path: Path) -> None:
    heartbeat.touch(tmp_path / "beat")
    assert (tmp_path / "beat").exists()
    with pytest.raises(HeartbeatError, match=r"nowhere/beat cannot be written: No such file.*--beat FILE"):
        heartbeat.touch(tmp_path / "nowhere" / "beat")
