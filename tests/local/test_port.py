"""A port is had when it was asked for and is free; else another one is found."""

import socket

import pytest

from local import port
from local.processes import LocalError


def test_a_port_that_was_asked_for_must_be_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asked = str(taken.getsockname()[1])
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
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(port, "USUAL", taken.getsockname()[1])
        other = port.choose(None)
        assert other != taken.getsockname()[1]
        assert port.is_free(other)
    assert port.choose(None) == port.USUAL
