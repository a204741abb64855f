"""A port is had when it was asked for and is free; else another one is found. What cannot be had is a sentence."""

import errno
import socket
import sys

import pytest

from local import __main__ as command_line
from local import demo, port
from local.processes import LocalError
from tests.ports import free_ports


def test_a_port_that_was_asked_for_must_be_free() -> None:
    with socket.socket() as taken:
        [number] = free_ports(1)
        taken.bind(("127.0.0.1", number))
        taken.listen()
        asked = str(number)
        assert not port.is_free(int(asked))
        with pytest.raises(LocalError, match=f"Port {asked} is taken"):
            port.choose(asked)
    assert port.choose(asked) == int(asked)


@pytest.mark.parametrize("asked", ["0", "65536", "-1", "http", "80.5"])
def test_what_is_no_port_is_refused(asked: str) -> None:
    with pytest.raises(LocalError, match="is not a port"):
        port.choose(asked)


def test_the_usual_port_gives_way_to_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        [number] = free_ports(1)
        taken.bind(("127.0.0.1", number))
        taken.listen()
        monkeypatch.setattr(port, "USUAL", number)
        other = port.choose(None)
        assert other != number
        assert port.is_free(other)
    assert port.choose(None) == port.USUAL


def test_the_command_that_starts_it_again_leads_to_the_same_address() -> None:
    assert demo._again(f"http://127.0.0.1:{port.USUAL}") == "make up"
    assert demo._again("http://127.0.0.1:41234") == "make up PORT=41234"


def test_a_checkout_that_cannot_be_written_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/checkout/.local/airflow/lease.json")

    monkeypatch.setattr(demo, "down", refuse)
    monkeypatch.setattr(sys, "argv", ["local", "down"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    assert (
        "/srv/checkout/.local/airflow/lease.json: Permission denied. Make it writable"
        in capsys.readouterr().err
    )
