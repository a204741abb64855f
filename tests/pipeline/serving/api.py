"""A real API: `scoring serve` as a process, and a client that asks it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx

from pipeline.project import ROOT
from pipeline.serving import tokens
from tests.home import Home

SECONDS = 60


@dataclass(frozen=True)
class Api:
    """A running API.

    Attributes:
        url: where it answers.
        client: asks with a token that is good for every job.
        log: what it says.
        process: the process that was started.
    """

    url: str
    client: httpx.Client
    log: Path
    process: "subprocess.Popen[str]"

    def get(self, path: str, **options: Any) -> Any:
        """The document of an answer that is to be one."""
        answered = self.client.get(path, **options)
        assert answered.status_code == 200, answered.text
        return answered.json()

    def score(self, job: str, rows: list[Any], **more: Any) -> list[dict[str, Any]]:
        """The answers to rows that are to be taken."""
        answered = self.client.post(f"/v1/jobs/{job}/score", json={"rows": rows, **more})
        assert answered.status_code == 200, answered.text
        lines: list[dict[str, Any]] = answered.json()["rows"]
        return lines

    def refusal(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Status and sentence of an answer that is to be a refusal."""
        answered = self.client.request(method, path, **options)
        assert answered.headers["content-type"] == "application/json"
        return answered.status_code, answered.json()["error"]

    def until(self, condition: Any) -> Any:
        """What a condition gives once it holds."""
        deadline = monotonic() + SECONDS
        while not (value := condition()):
            assert monotonic() < deadline, self.log.read_text()
            sleep(0.05)
        return value


def token(home: Home, client: str = "tests", *jobs: str) -> str:
    """A new token."""
    return tokens.add(home.server.connections["predictions_owner"], client, jobs, None)


@contextmanager
def serving(
    home: Home, folder: Path, *options: str, settings: Mapping[str, str] | None = None
) -> Iterator[Api]:
    """`scoring serve` for as long as the block lasts, its models open."""
    log = folder / "api.log"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = {**kept, **home.environment, "SCORING_UV": "", "PYTHONPATH": str(ROOT), **(settings or {})}
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        url = re.findall(r"http://\S+:\d+", line)
        assert url, line + log.read_text()
        headers = {"Authorization": f"Bearer {token(home)}"}
        with httpx.Client(base_url=url[0], headers=headers, timeout=SECONDS, trust_env=False) as client:
            api = Api(url[0], client, log, process)
            api.until(lambda: is_ready(client))
            yield api
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        finally:
            process.kill()
            process.stdout.close()


def is_ready(client: httpx.Client) -> bool:
    """Whether every model is open."""
    try:
        return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False
