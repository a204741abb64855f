"""local/rest.py: what an api-server that does not answer comes to."""

import socket

import pytest

from local.rest import Rest, SilentError


def test_an_api_server_that_is_too_slow_to_warm_up_ends_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as nobody,
        Rest(f"http://127.0.0.1:{nobody.getsockname()[1]}", "ada", "secret") as rest,
    ):
        nobody.close()
        rest.warm_up()
        with pytest.raises(SilentError, match="does not answer"):
            rest.health()
