"""pipeline/serving/protocol.py: who is silent, sends a head without end or reads nothing, is let go."""

import asyncio
from collections.abc import Callable

import pytest
import uvicorn

from pipeline.serving import protocol

HEAD = b"GET / HTTP/1.1\r\nhost: here\r\n"


async def large(_scope: object, _receive: object, send: Callable[..., object]) -> None:
    """Answer with far more than a socket takes up."""
    await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[misc]
    await send({"type": "http.response.body", "body": b"x" * 32_000_000})  # type: ignore[misc]


async def after(sent: list[bytes]) -> tuple[bytes, bool]:
    """The beginning of what a client that sends this is answered, and whether its connection is ended in time."""
    config = uvicorn.Config(large, http=protocol.Bounded, ws="none", lifespan="off", port=0, log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in sent:
        writer.write(piece)
        await asyncio.sleep(0.05)
    for _ in range(100):
        if not server.server_state.connections:
            break
        await asyncio.sleep(0.02)
    is_ended = not server.server_state.connections
    try:
        beginning = await asyncio.wait_for(reader.read(64), 5) if is_ended else b""
    except ConnectionError:
        beginning = b""
    writer.close()
    server.should_exit = server.force_exit = True
    await serving
    return beginning, is_ended


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([], b""),
        ([HEAD], b""),
        ([HEAD, b"\r\n"], b"HTTP/1.1 200"),  # and reads nothing
        ([HEAD] + [b"a: " + b"b" * 40_000 + b"\r\n"] * 2, b"HTTP/1.1 431"),
    ],
    ids=["silent", "half a head", "unread", "endless head"],
)
def test_a_client_that_does_not_go_on_is_let_go(
    sent: list[bytes], status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "SECONDS", 0.3)
    beginning, is_ended = asyncio.run(after(sent))
    assert is_ended
    assert beginning.startswith(status)
