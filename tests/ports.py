"""Ports for the servers of tests that run beside one another."""

import random
from itertools import islice

from local import port

# Below those that Linux and macOS give to whoever connects somewhere, so that no connection takes one meanwhile.
_OURS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """So many free ports of the loopback; another process that asks at the same time gets others."""
    return list(islice(filter(port.is_free, random.sample(_OURS, len(_OURS))), count))
