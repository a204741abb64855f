"""What the API's benchmarks ask: `scoring serve` of the sample's job, a date of which is published, and a plain API."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import sqlalchemy as sa

from benchmarks.ground import ROOT, join
from pipeline.config import loader
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, queries
from pipeline.databases.queries import Query
from pipeline.databases.warehouse import stream
from pipeline.embedded.server import Embedded
from pipeline.payloads import RunRequest
from pipeline.provisioning.migrate import migrate
from pipeline.provisioning.sample import load
from pipeline.serving import tokens
from pipeline.tasks.run import score

HOME = ROOT / ".local" / "bench" / "online"
JOB, DAY = "flight_delay", date(2013, 7, 1)
_SECONDS = 120
_ENTITIES = (
    "SELECT entity_id FROM scoring.predictions WHERE job = :job AND score_date = :day ORDER BY entity_id"
)


@dataclass(frozen=True)
class Online:
    """A home of the sample, one date of which is published, and a token.

    Attributes:
        server: holds warehouse and predictions.
        token: good for every job.
        entities: of the published date.
        rows: the date's rows as a client sends them.
    """

    server: Embedded
    token: str
    entities: list[str]
    rows: list[dict[str, Any]]

    @property
    def environment(self) -> dict[str, str]:
        """What the processes of an API need."""
        named = {f"AIRFLOW_CONN_{name.upper()}": url for name, url in self.server.connections.items()}
        home = {"SCORING_HOME": str(HOME), "SCORING_STORE": str(HOME / "store"), "PLAIN_MODEL": JOB}
        return {**os.environ, **home, **named, "SCORING_UV": "", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Api:
    """A running API.

    Attributes:
        url: where it answers.
        process: its first process.
    """

    url: str
    process: "subprocess.Popen[bytes]"

    def megabytes(self) -> float:
        """What all of its processes hold, and share with none."""
        return float(sum(each.memory_full_info().uss for each in self._processes()) / 1e6)

    def processor(self) -> float:
        """Seconds of the processor that all of them have taken."""
        times = [each.cpu_times() for each in self._processes()]
        return float(sum(each.user + each.system for each in times))

    def _processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


def make() -> Online:
    """Publish the date and make a token."""
    server = join().server
    migrate(server.connections["predictions_owner"])
    load(server.connections["warehouse_owner"])
    shutil.rmtree(HOME, ignore_errors=True)
    for folder in ("dags", "sql", "models"):
        shutil.copytree(ROOT / folder, HOME / folder)
    join().clear()
    home = Workspace(
        HOME, str(HOME / "store"), server.connections["warehouse"], server.connections["predictions"]
    )
    score(home, loader.find(HOME / "dags", JOB), DAY, RunRequest(trigger="bench-serve"))
    token = tokens.add(server.connections["predictions_owner"], "bench-serve", [], 1)
    with postgres.engine(server.uri("predictions")).connect() as session:
        entities = session.execute(sa.text(_ENTITIES), {"job": JOB, "day": DAY}).scalars().all()
    return Online(server, token, list(entities), _rows(server))


@contextmanager
def serving(online: Online, workers: int) -> Iterator[Api]:
    """`scoring serve`, its models open."""
    command = ["-m", "pipeline", "serve", "--port", "0", "--job", JOB, "--workers", str(workers)]
    with _started(online, command, "serve") as api:
        yield api


@contextmanager
def plain(online: Online, workers: int) -> Iterator[Api]:
    """The API that a team writes first."""
    command = ["-m", "uvicorn", "benchmarks.plain_api:app", "--port", "0", "--no-access-log"]
    with _started(online, [*command, "--workers", str(workers)], "plain") as api:
        yield api


@contextmanager
def _started(online: Online, command: list[str], name: str) -> Iterator[Api]:
    log = HOME / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=online.environment, stdout=output, stderr=output
        )
    try:
        yield Api(_ready(log, process), process)
    finally:
        process.terminate()
        process.wait(60)


def _ready(log: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = monotonic() + _SECONDS
    while monotonic() < deadline and process.poll() is None:
        for url in re.findall(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8")):
            try:
                if httpx.get(f"{url}/v2/health/ready", trust_env=False).status_code in (200, 404):
                    return str(url)
            except httpx.TransportError:
                pass
        sleep(0.2)
    sys.exit(f"the API is not ready: {log.read_text(encoding='utf-8')[-2000:]}")


def _rows(server: Embedded) -> list[dict[str, Any]]:
    """The date's rows, as JSON has them."""
    job = loader.find(HOME / "dags", JOB)
    query = queries.read(HOME / "sql", job.extract.query)
    with stream(
        server.connections["warehouse"], Query(query, {"score_date": DAY}, job.extract.query)
    ) as reader:
        rows = reader.read_all()
    table = rows.to_pandas().to_json(orient="records", date_format="iso", date_unit="us")
    parsed: list[dict[str, Any]] = json.loads(table)
    return parsed
