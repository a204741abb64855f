"""How fast the online API is, beside the API that a team writes first and beside a night: `make bench-serve`.

wrk asks both APIs on this machine, in turn, with as many processes each, for rows of the sample's published date. Last
lines: look-ups at a fixed rate, single rows a second, rows a second in large requests, memory over many requests.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks import online
from benchmarks.ground import ROOT
from benchmarks.online import HOME, JOB, Api, Online

LOAD = Path(__file__).with_name("load.lua")
RATE, CLIENTS, ROUNDS = 200, 64, 3
# Of one large request, and how many clients send them.
BULK, BULK_CLIENTS = 1000, 4


@dataclass(frozen=True)
class Line:
    """What is sent: a file's lines.

    Attributes:
        file: a path, or a body, a line.
        path: where bodies are sent.
        clients: that ask at once.
        rate: requests a second, of all of them; as many as they can where it is 0.
    """

    file: Path
    path: str = ""
    clients: int = CLIENTS
    rate: int = 0


def main() -> None:
    """Measure, and print what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="processes of either API")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--requests", type=int, default=100_000, help="over which memory is watched")
    parser.add_argument("--rows", type=int, default=200_000, help="of the night beside which it is held")
    asked = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing, which sends the requests. On Debian: apt-get install wrk")
    night = _night(asked.rows)
    made = online.make()
    singles, bulk, plain_singles, look_ups = _lines(made)
    with online.serving(made, asked.workers) as api, online.plain(made, asked.workers) as plain:
        _same_scores(made, api, plain)
        for warm_up, where in ((singles, api), (plain_singles, plain), (look_ups, api)):
            _send(made, where, warm_up, 3)
        looked = _send(made, api, look_ups, 2 * asked.seconds)
        # In turn: a machine differs from minute to minute.
        rounds = [
            (_singles(made, api, singles, asked.seconds), _singles(made, plain, plain_singles, asked.seconds))
            for _ in range(ROUNDS)
        ]
        large = BULK * _rate(_send(made, api, bulk, asked.seconds))
        memory = _memory(made, api, (singles, Line(look_ups.file)), asked.requests)
    ours, theirs = (
        [median(each) for each in zip(*measured, strict=True)] for measured in zip(*rounds, strict=True)
    )
    ratio = median(first[0] / second[0] for first, second in rounds)
    print(
        f"look-ups at {looked['requests'] / looked['seconds']:.0f} requests/s: 99 % within {looked['p99_ms']:.1f} ms "
        f"(target 20), median {looked['median_ms']:.1f}, slowest {looked['max_ms']:.1f}; {looked['failed']} failed, "
        f"{looked['late']} were sent late"
    )
    print(
        f"single rows: {ours[0]:,.0f} a second, plain FastAPI {theirs[0]:,.0f}: {ratio:.1f} times (target 5); "
        f"ms of the processor for each: {ours[1]:.1f}, plain {theirs[1]:.1f}"
    )
    print(
        f"{BULK} rows a request: {large:,.0f} rows a second, {large / night:.2f} of a night's {night:,.0f} "
        "(read, checked, scored, written and published)"
    )
    print(memory)


def _send(made: Online, api: Api, line: Line, seconds: int) -> dict[str, Any]:
    """Have wrk ask for so many seconds; what it has measured."""
    options = [
        "-t1",
        f"-c{line.clients}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(LOAD),
        api.url,
        "--",
    ]
    values = [str(line.file), made.token, str(line.rate), *([line.path] if line.path else [])]
    done = subprocess.run(["wrk", *options, *values], check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if measured["failed"]:
        print(f"{measured['failed']} of {measured['requests']} requests failed", file=sys.stderr)
    return measured


def _singles(made: Online, api: Api, line: Line, seconds: int) -> tuple[float, float]:
    """Rows a second, and milliseconds of the processor that each took: that says the same on a busy machine."""
    before = api.processor()
    measured = _send(made, api, line, seconds)
    return _rate(measured), 1e3 * (api.processor() - before) / measured["requests"]


def _rate(measured: dict[str, Any]) -> float:
    """Requests a second that were answered with what they asked for."""
    return float((measured["requests"] - measured["failed"]) / measured["seconds"])


def _lines(made: Online) -> tuple[Line, Line, Line, Line]:
    bodies = [json.dumps({"rows": [row]}) for row in made.rows]
    repeated = (made.rows * (BULK // len(made.rows) + 1))[:BULK]
    path = f"/v1/jobs/{JOB}"
    return (
        Line(_file("singles", bodies), f"{path}/score"),
        Line(_file("bulk", [json.dumps({"rows": repeated})]), f"{path}/score", BULK_CLIENTS),
        Line(_file("plain", [json.dumps(row) for row in made.rows]), "/score"),
        Line(_file("look-ups", [f"{path}/predictions/{entity}" for entity in made.entities]), rate=RATE),
    )


def _file(name: str, lines: Sequence[str]) -> Path:
    path = HOME / f"{name}.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _same_scores(made: Online, api: Api, plain: Api) -> None:
    """Refuse to measure two APIs that do not give the same."""
    row = made.rows[0]
    headers = {"Authorization": f"Bearer {made.token}"}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        ours = client.post(f"{api.url}/v1/jobs/{JOB}/score", json={"rows": [row]}).json()["rows"][0]
        theirs = client.post(f"{plain.url}/score", json=row).json()
    if ours["score"] != theirs["score"]:
        sys.exit(f"the APIs give other scores: {ours}, {theirs}")


def _memory(made: Online, api: Api, lines: Sequence[Line], requests: int) -> str:
    """Megabytes after a tenth of so many requests and after all of them, rows and look-ups in turn."""
    sent, early = 0, None
    while sent < requests:
        for line in lines:
            sent += _send(made, api, line, 5)["requests"]
        megabytes = api.megabytes()
        print(f"after {sent:,} requests {megabytes:.0f} MB", file=sys.stderr, flush=True)
        if early is None and sent >= requests / 10:
            early = sent, megabytes
    first, before = early or (sent, megabytes)
    return (
        f"memory: {before:.0f} MB after {first:,} requests, {megabytes:.0f} MB after {sent:,}: "
        f"{megabytes / before:.2f} times"
    )


def _night(rows: int) -> float:
    """Rows a second of a night in one process."""
    _python("benchmarks.ground", str(rows))
    seconds = json.loads(_python("benchmarks.modes", "process"))["seconds"]["score"]
    return float(rows / seconds)


def _python(*module: str) -> str:
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    main()
