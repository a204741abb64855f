"""The same night with Polars, Spark and Ray, beside the project in one process: `make bench-peers`.

They live in an environment of their own, `.local/peers`. They need what pip does not bring, on Debian:
apt-get install default-jre-headless libpostgresql-jdbc-java socat. A tool that cannot run is named and left out.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa

from benchmarks import apart
from benchmarks.ground import ROOT, Ground, join
from pipeline.databases import postgres

HERE = Path(__file__).parent
PEERS = ("polars", "spark", "ray")
_TABLE = """
DROP SCHEMA IF EXISTS peers CASCADE;
CREATE SCHEMA peers AUTHORIZATION scoring_owner;
CREATE TABLE peers.prediction_rows (LIKE scoring.prediction_rows INCLUDING ALL);
ALTER TABLE peers.prediction_rows OWNER TO scoring_owner;
"""
# Polars' reader and Spark know no Unix sockets.
NEEDS = {"polars": ("socat",), "spark": ("socat", "java")}


def main() -> None:
    """Install, measure in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    python = apart.install("peers") / "bin" / "python"
    subprocess.run([sys.executable, "-m", "benchmarks.ground", str(asked.rows)], check=True, cwd=ROOT)
    ground = join()
    figures: dict[str, list[dict[str, Any]]] = {}
    with _relay(ground) as port:
        for _ in range(asked.rounds):
            for mode in ("process", *PEERS):
                ground.clear()
                with postgres.engine(ground.server.uri("predictions")).begin() as session:
                    session.execute(sa.text(_TABLE))
                if measured := _measure(mode, ground, python, port):
                    figures.setdefault(mode, []).append(measured)
    with postgres.engine(ground.server.uri("predictions")).begin() as session:
        session.execute(sa.text("DROP SCHEMA peers CASCADE"))
    for mode, runs in figures.items():
        seconds = median(sum(run["seconds"].values()) for run in runs)
        print(f"{mode:8} {seconds:6.1f} s")


def _measure(mode: str, ground: Ground, python: Path, port: int | None) -> dict[str, Any] | None:
    if mode == "process":
        command = [sys.executable, "-m", "benchmarks.modes", mode]
    elif missing := [name for name in NEEDS.get(mode, ()) if shutil.which(name) is None]:
        print(f"{mode} is left out: it needs {' and '.join(missing)}", file=sys.stderr)
        return None
    else:
        uris = [ground.server.connections[name] for name in ("warehouse_owner", "predictions_owner")]
        model = ROOT / "models" / "flight_delay" / "1"
        command = [str(python), str(HERE / "peer.py"), mode, *uris, str(port), str(model)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"{mode} is left out: {ended.stderr.splitlines()[-1]}", file=sys.stderr)
        return None
    measured: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return measured


@contextmanager
def _relay(ground: Ground) -> Iterator[int | None]:
    """A port of the loopback that leads to the server's Unix socket, while it is needed; None without the tools."""
    if shutil.which("socat") is None:
        yield None
        return
    (folder,) = parse_qs(urlsplit(ground.server.connections["warehouse"]).query)["host"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"
    relay = subprocess.Popen(["socat", listen, f"UNIX-CONNECT:{folder}/.s.PGSQL.5432"])
    try:
        yield port
    finally:
        relay.terminate()
        relay.wait()


if __name__ == "__main__":
    main()
