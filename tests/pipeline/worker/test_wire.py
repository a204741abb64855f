"""Messages arrive whole, or not at all; nothing is believed of their sizes."""

import socket
import struct

import pyarrow as pa
import pytest

from pipeline.worker import wire


def test_a_message_and_its_bytes_arrive() -> None:
    here, there = socket.socketpair()
    batch = pa.RecordBatch.from_pydict(
        {"a": [1, None], "b": ["x", "y"], "c": pa.array(["u", "u"]).dictionary_encode()}
    )
    with here, there:
        for payload in (b"", wire.packed(batch)):
            wire.send(here, {"of": "a model"}, payload)
            header, received = wire.receive(there)
            assert (header, bytes(received)) == ({"of": "a model"}, bytes(payload))
    assert wire.unpacked(received).equals(batch)


def test_another_end_and_another_size_are_refused() -> None:
    here, there = socket.socketpair()
    with there:
        with here:
            here.sendall(struct.pack(">QQ", 1 << 40, 0))
            with pytest.raises(ValueError, match="a message of 1099511627776 and 0 bytes"):
                wire.receive(there)
            here.sendall(struct.pack(">QQ", 2, 0) + b"[]")
            with pytest.raises(ValueError, match="no object"):
                wire.receive(there)
            here.sendall(struct.pack(">QQ", 200_000, 0) + b"[" * 200_000)
            with pytest.raises(ValueError, match="brackets"):
                wire.receive(there)
            here.sendall(struct.pack(">QQ", 5, 0) + b"{")
        with pytest.raises(wire.Closed):
            wire.receive(there)
        with pytest.raises(wire.Closed):
            wire.send(there, {})
