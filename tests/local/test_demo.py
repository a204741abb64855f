"""`make demo`, as a person meets it: from nothing, after a crash, with nothing left behind, and in odd surroundings.

The checkout lies in a folder that is closed to others, under a path of 150 bytes with spaces and an umlaut. Its user
has no HOME, a umask of 077, another time zone, and no language.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.processes import marked, stop
from pipeline.embedded import server

pytestmark = pytest.mark.airflow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(postgres_folder: Callable[[], Path]) -> Iterator[Path]:
    """The shipped job in a home of its own, of which nothing runs after the test."""
    private = postgres_folder()
    start = private / "Müllers nightly scores"
    home = start / ("x" * (150 - len(os.fsencode(start)) - 1))
    home.mkdir(parents=True)
    for folder in ("dags", "sql", "models"):
        shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns("__pycache__"))
    yield home
    stop(home / ".local")
    server.stop(home / ".local")


def command(home: Path, name: str) -> subprocess.Popen[str]:
    """Start `python -m local` as the Makefile does, for another home."""
    left_out = ("AIRFLOW", "SCORING", "HOME", "XDG_", "LC_")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return subprocess.Popen(
        [sys.executable, "-m", "local", name],
        cwd=ROOT,
        env={**environ, "SCORING_HOME": str(home), "LANG": "C", "TZ": "Asia/Tokyo"},
        umask=0o077,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What a command printed, when it succeeded."""
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


def until_airflow_starts(folder: Path, demo: subprocess.Popen[str]) -> None:
    """Wait until Airflow's last component has begun: beside it the databases are made and the sample is loaded."""
    deadline = time.monotonic() + 240
    while not (folder / "logs" / "dag-processor.log").exists():
        assert demo.poll() is None, demo.communicate()[0]
        assert time.monotonic() < deadline, "no Airflow has started"
        time.sleep(0.1)


def test_a_demo_that_was_killed_is_cleared_away_and_the_next_one_works(checkout: Path) -> None:
    folder = checkout / ".local"
    with command(checkout, "demo") as killed:
        until_airflow_starts(folder, killed)
        killed.kill()
    assert marked(folder)
    assert server.is_running(folder)

    output = finish(command(checkout, "down"))
    assert "left-over processes stopped" in output
    assert "Postgres: stopped" in output
    assert not marked(folder)
    assert not server.is_running(folder)

    output = finish(command(checkout, "demo"))
    assert [f"2013-07-0{day}: success" in output for day in (1, 2, 3)] == [True] * 3
    assert output.count("\n 2013-07-03  ") == 11  # one row of the runs, ten of the predictions
    assert "http://127.0.0.1:" in output
    assert "user admin, password" in output
    assert not marked(folder)
    assert not server.is_running(folder)

    assert "nothing was left" in finish(command(checkout, "down"))
