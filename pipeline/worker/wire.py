"""Messages between a task and the worker of its model: a line of JSON, and bytes beside it. Nothing is ever pickled."""

import json
import socket
import struct
import time
from typing import Any

import numpy as np
import pyarrow as pa

# How many bytes the JSON has, and how many come after it.
_SIZES = struct.Struct(">QQ")
# A message's text: a model's error is cut long before. What is larger comes from no worker of ours.
_MOST_JSON = 1 << 24


Header = dict[str, Any]


class Closed(Exception):
    """The other side has ended."""


def send(channel: socket.socket, header: Header, payload: Any = b"") -> None:
    """Send a message.

    Raises:
        Closed: the other side has ended.
    """
    text, data = json.dumps(header).encode(), memoryview(payload).cast("B")
    try:
        channel.sendall(_SIZES.pack(len(text), len(data)) + text)
        if len(data):
            channel.sendall(data)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed from error


def receive(channel: socket.socket, most_bytes: int = 1 << 40) -> tuple[Header, memoryview]:
    """Receive a message, whose payload may have so many bytes, within the channel's timeout.

    Raises:
        Closed: the other side has ended.
        TimeoutError: it has not come as a whole.
        ValueError: it is none.
    """
    patience = channel.gettimeout()
    end = None if patience is None else time.monotonic() + patience
    text_size, data_size = _SIZES.unpack(_exactly(channel, _SIZES.size, end))
    if text_size > _MOST_JSON or data_size > most_bytes:
        raise ValueError(f"a message of {text_size} and {data_size} bytes")
    try:
        header = json.loads(bytes(_exactly(channel, text_size, end)))
    except RecursionError as error:
        raise ValueError("a message of brackets") from error
    if not isinstance(header, dict):
        raise ValueError("a message that is no object")
    return header, _exactly(channel, data_size, end)


def packed(batch: pa.RecordBatch) -> memoryview:
    """A batch as an Arrow stream, written into memory of its size."""
    size = pa.MockOutputStream()
    _write(batch, size)
    content = pa.allocate_buffer(size.size())
    _write(batch, pa.FixedSizeBufferWriter(content))
    return memoryview(content)


def _write(batch: pa.RecordBatch, sink: Any) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)


def unpacked(payload: memoryview) -> pa.RecordBatch:
    """The batch of an Arrow stream, whose buffers are the message's own."""
    with pa.ipc.open_stream(pa.py_buffer(payload)) as stream:
        return stream.read_next_batch()


def _exactly(channel: socket.socket, size: int, end: float | None) -> memoryview:
    content = np.empty(size, np.uint8).data
    done = 0
    while done < size:
        if end is not None:  # of the whole message: one that trickles would be waited for without end
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError("timed out")
            channel.settimeout(left)
        try:
            count = channel.recv_into(content[done:])
        except ConnectionResetError as error:
            raise Closed from error
        if not count:
            raise Closed
        done += count
    return content
