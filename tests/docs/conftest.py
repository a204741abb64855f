"""The demo's checkout, made once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.embedded.server import Embedded
from tests.docs.checkout import Demo, made


@pytest.fixture(scope="session")
def demo(server: Embedded, sample_warehouse: str, postgres_folder: Callable[[], Path]) -> Iterator[Demo]:
    """What a fresh `make demo` leaves: five runs, their outcomes, one waiting for a person."""
    with made(server, postgres_folder()) as left:
        yield left
