"""The command that answers online."""

import os
from contextlib import suppress
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import out
from pipeline.config import loader
from pipeline.runtime.interruption import Interrupted

Jobs = Annotated[
    list[str] | None,
    typer.Option("--job", metavar="JOB", help="Only this job; may be repeated. Every job unless given."),
]


def serve(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8090,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others reach it past this machine only behind TLS.")
    ] = "127.0.0.1",
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes, each with the models of its own.")
    ] = 1,
    job: Jobs = None,
) -> None:
    """Answer online: published scores by key, and rows scored now by the jobs' pinned models (as predictions_api).

    Every route but /v2/health and /metrics wants a token: scoring tokens add. New pins are picked up within 5 s.
    """
    from pipeline.serving import server
    from pipeline.serving.requests.limits import Limits

    Limits.of()
    _name_connections()
    with server.listening(host, port) as listener, suppress(Interrupted):  # the way to end it
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        out.print(
            f"answering on http://{shown}:{number}, {workers} process{'es' if workers > 1 else ''}; Ctrl-C ends it",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        server.run(listener, workers, job or ())


def _name_connections() -> None:
    """Name the databases in the environment, by which each process finds them: the embedded one has no other name."""
    from pipeline.serving.service import CONNECTION

    usable, _ = loader.read_all(context.dags())
    for conn_id in sorted({CONNECTION, *(f"{job.write.connection}_api" for job in usable)}):
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if variable not in os.environ:
            os.environ[variable] = context.api(conn_id)
