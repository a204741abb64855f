"""A warm process that has imported everything, and forks one child for every try of a task.

    python -m tests.chaos.child

It reads the paths of requests from its standard input, one a line, and writes what happens to its standard output, as
JSON: {"request": PATH, "pid": N} when a child has begun, {"pid": N, "status": N} when one has stopped or ended. The
parent itself opens no connection and starts no thread, so that a child begins as if it had just been started.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from narwhals.stable.v2.dependencies import is_into_dataframe

from pipeline.challenger import tries
from pipeline.config import loader
from pipeline.config.job import Job
from pipeline.config.workspace import Files, Workspace
from pipeline.databases import postgres
from pipeline.errors import NothingToDo, ScoringError
from pipeline.isolation import forkers
from pipeline.payloads import PartTask, Run, RunRequest, Scored, Verdict, Written
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.run import score
from pipeline.tasks.write import write
from tests.chaos import deployments, wrong_writers
from tests.chaos.boundaries import Boundary, watched
from tests.chaos.tries import ROOT

Json = dict[str, Any]
Stage = Callable[[Workspace, Job, date, Json], Any]

# As the tasks of dags/scoring.py: values in and out as JSON.
STAGES: dict[str, Stage] = {
    "extract": lambda workspace, job, day, given: extract(
        workspace, job, day, RunRequest(**given)
    ).json_value(),
    "load_model": lambda workspace, job, day, given: [
        work.json_value() for work in load_model(workspace, job, Run.read(given["run"]))
    ],
    "predict": lambda workspace, job, day, given: predict(
        workspace, job, PartTask.read(given["work"])
    ).json_value(),
    "write": lambda workspace, job, day, given: write(
        workspace, job, Scored.read(given["scored"])
    ).json_value(),
    "log_metrics": lambda workspace, job, day, given: log_metrics(
        workspace, job, Run.read(given["run"]), [Written.read(part) for part in given["written"]]
    ).json_value(),
    "publish": lambda workspace, job, day, given: publish(
        workspace, job, Run.read(given["run"]), Verdict.read(given["verdict"])
    ).json_value(),
    "begin_challenge": lambda workspace, job, day, given: tries.begin(
        workspace, job, given["run"]["run_id"]
    ).json_value(),
    "challenge": lambda workspace, job, day, given: tries.attempt(
        Files(workspace.home, workspace.store), job, tries.Try.read(given["work"])
    ).json_value(),
    "end_challenge": lambda workspace, job, day, given: tries.end(
        workspace,
        tries.Try.read(given["work"]),
        tries.Outcome.read(given["left"]) if given["left"] else tries.Outcome(failure=tries.KILLED),
    ),
    "score": lambda workspace, job, day, given: score(workspace, job, day, RunRequest(**given)).json_value(),
}
WRITERS: dict[str, dict[str, Stage]] = {"pipeline": STAGES} | {
    name: STAGES
    | {
        "write": lambda workspace, job, day, given, writer=writer: writer.write(
            workspace, Scored.read(given["scored"])
        ).json_value(),
        "publish": lambda workspace, job, day, given, writer=writer: writer.publish(
            workspace, Run.read(given["run"]), Verdict.read(given["verdict"])
        ).json_value(),
    }
    for name, writer in wrong_writers.WRITERS.items()
}


# What a stage imports as late as its first connection and its first prediction.
LATE = (
    "email.parser",
    "fsspec.implementations.chained",
    "narwhals._interchange.dataframe",
    "narwhals._pandas_like.dataframe",
    "narwhals.stable.v2._namespace",
    "psycopg",
    "sklearn.compose",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def main() -> None:
    """Fork a child for every line of the standard input, until it ends."""
    for module in LATE:
        importlib.import_module(module)
    is_into_dataframe(None)  # looks for the plugins of every package that is installed, the first time
    forkers.begin()  # shared by all children, as by the tasks of Airflow's fork server
    gc.freeze()  # what stands already is not copied into every child
    loader.read(ROOT / "dags" / "flight_delay.toml")  # once, as it lists the time zones
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    ready = selectors.DefaultSelector()
    ready.register(sys.stdin.fileno(), selectors.EVENT_READ)
    ready.register(ended, selectors.EVENT_READ)
    unread = b""
    while True:
        for key, _ in ready.select():
            chunk = os.read(key.fd, 65536)
            if key.fd == ended:
                _tell_ended()
                continue
            if not chunk:
                return
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                _fork(Path(line.decode()))


def _tell_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell({"pid": pid, "status": status})


def _fork(path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        _as_child(path)
    with suppress(PermissionError, ProcessLookupError):  # it was quicker
        os.setpgid(pid, pid)
    _tell({"request": str(path), "pid": pid})


def _tell(event: Json) -> None:
    os.write(sys.stdout.fileno(), json.dumps(event).encode() + b"\n")


def _as_child(path: Path) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        request = json.loads(path.read_text())
        if request["supervised"] and (stage := os.fork()):
            os.waitpid(stage, 0)
        else:
            _run(request, path)
        code = 0
    finally:
        os._exit(code)


def _run(request: Json, path: Path) -> None:
    """One try of one task: whatever comes of it is in a file beside the request."""
    # A try that stands still inside of a transaction is not waited for as long as in earnest.
    postgres.STALLED = request["stalled"]
    # In threads of this process nothing is left to be cleaned up: the file is the last thing.
    outcome = _tried(request)
    aside = path.with_suffix(".aside")
    aside.write_text(json.dumps(outcome))
    os.rename(aside, path.with_suffix(".outcome"))


def _tried(request: Json) -> Json:
    workspace = Workspace(**{**request["workspace"], "home": Path(request["workspace"]["home"])})
    at = Boundary.read(request["at"]) if request["at"] else None
    stage = WRITERS[request["writer"]][request["stage"]]
    deployments.use(workspace.home, compares=request["compares"])
    began = time.perf_counter()
    deployed = deployments.deployed(workspace.home, request["job"])
    deploy = partial(deployments.deploy, workspace.home, request["job"], request["what"])
    with watched(request["act"], at, deploy) as watch:
        try:
            job = loader.find(workspace.home / "dags", request["job"])
            value = stage(workspace, job, date.fromisoformat(request["score_date"]), request["given"])
            outcome = {"ended": "done", "value": value}
        except NothingToDo as nothing:
            outcome = {"ended": "skipped", "error": f"{type(nothing).__name__}: {nothing}"}
        except ScoringError as error:
            outcome = {"ended": "failed", "error": f"{type(error).__name__}: {error}"}
        except Exception as error:  # noqa: BLE001  worth a retry, whatever it is
            outcome = {"ended": "error", "error": f"{type(error).__name__}: {error}"}
    seen = [boundary.json_value() for boundary in watch.seen]
    return {**outcome, "seconds": time.perf_counter() - began, "seen": seen, "found": deployed}


if __name__ == "__main__":
    main()
