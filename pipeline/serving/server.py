"""The API's processes: one that answers, or several that share a socket; stopped without dropping a request."""

import logging
import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import uvicorn
from uvicorn.supervisors import Multiprocess

from pipeline.errors import UsageError
from pipeline.serving.requests.limits import Limits

# Requests under way have so long to end.
_GRACE_SECONDS = 30
# A worker that has not answered its parent for so long is started anew.
_HUNG_SECONDS = 60
# Of one process; a client beyond them gets 503 at once.
_CONNECTIONS = 1000
_FACTORY = "pipeline.serving.process:create"
_PROTOCOL = "pipeline.serving.protocol:Bounded"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        UsageError: somebody else has the port, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"nothing can listen on {host} port {port}: {error.strerror}. Name another: --port, --host"
            ) from error
        listener.set_inheritable(True)
        yield listener


def run(listener: socket.socket, workers: int, jobs: Sequence[str]) -> None:
    """Answer on a socket until a signal asks to stop; then end what is under way.

    Raises:
        UsageError: a limit of the environment is none.
    """
    Limits.of()  # here, and not in every worker
    from pipeline.serving import process

    with ExitStack() as stack:
        os.environ[process.JOBS] = " ".join(jobs)
        if workers > 1:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="scoring-metrics-"))
            os.environ[process.METRICS] = folder
        config = uvicorn.Config(
            _FACTORY,
            factory=True,
            workers=workers,
            http=_PROTOCOL,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_worker_healthcheck=_HUNG_SECONDS,
            lifespan="on",
        )
        stack.enter_context(_own_signals())
        if workers > 1:
            Multiprocess(config, [listener]).run()
        else:
            uvicorn.Server(config).run([listener])


@contextmanager
def _own_signals() -> Iterator[None]:
    """Signals as uvicorn takes them: the first asks to stop. The command line's own turn one into two."""
    before = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def log_to_stderr() -> None:
    """Have a process say what it does, a line for each request: route, status and time."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("pipeline.serving").setLevel(logging.INFO)
