"""What a worker of uvicorn starts with: nothing heavy is imported before it knows where its numbers go."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

# The jobs that are served, one space between two; every one where it is empty.
JOBS = "SCORING_API_JOBS"
# Where the workers of one command leave their numbers, each in files of its own, so that any of them answers for all.
METRICS = "PROMETHEUS_MULTIPROC_DIR"


def create() -> "FastAPI":
    """The API of this process's environment.

    Raises:
        UsageError: the environment has a limit that is none.
    """
    from pipeline.runtime import resources
    from pipeline.serving import app
    from pipeline.serving.server import log_to_stderr

    log_to_stderr()
    resources.limit_threads()
    return app.create()
