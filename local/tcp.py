"""The connection string for pandas and BI tools, while `make up` runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from local.airflow_environment import Place
from pipeline.embedded import door, server


@contextmanager
def opened(place: Place) -> Iterator[str]:
    """Let an analyst's tools in until the end of the block; returns what to tell a person of it."""
    if os.environ.get("AIRFLOW_CONN_PREDICTIONS"):
        yield "The predictions are on a server of yours; `scoring dsn` prints an analyst's connection string."
        return
    listening = server.listening_port(place.folder)
    address = door.address(place.folder) if listening else door.free_address(place.folder)
    running = server.start(place.folder, address.port)
    if listening and listening != address.port:
        address = door.keep(place.folder, listening)
    with server.tcp(place.folder, running, address.password) as listens:
        if listens:
            yield f"pandas and BI tools read scoring.predictions at {address.uri}"
        else:
            yield (
                "Another process uses the database, which therefore listens on no port. For a connection string of "
                "pandas and BI tools, end that process and run `make up` again."
            )
