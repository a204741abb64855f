"""Ports of this machine's loopback."""

import socket

from local.processes import LocalError
from pipeline.embedded.door import is_free
from pipeline.embedded.surroundings import HOST

__all__ = ["HOST", "USUAL", "choose", "is_free"]

USUAL = 8080


def choose(asked: str | None) -> int:
    """The port that was asked for, else the usual one, else any free one.

    Raises:
        LocalError: the one that was asked for is taken, or is no port.
    """
    if asked:
        if not asked.isdecimal() or not 0 < int(asked) < 65536:
            raise LocalError(f"PORT={asked} is not a port. Give a number from 1 to 65535.")
        if not is_free(int(asked)):
            raise LocalError(
                f"Port {asked} is taken. Stop what listens there, or leave PORT out: a free one is found."
            )
        return int(asked)
    if is_free(USUAL):
        return USUAL
    with socket.socket() as any_port:
        any_port.bind((HOST, 0))
        return int(any_port.getsockname()[1])
