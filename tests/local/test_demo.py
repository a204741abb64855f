"""`make demo`, as a person meets it: after a crash, again, with nothing left behind, and in odd surroundings.

The checkout lies in a folder that is closed to others, under a path of 150 bytes with spaces and an umlaut. Its user
has no HOME, a umask of 077, another time zone, and no language.
"""

import json
import os
import re
import shlex
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

SCORED = ["2013-07-01", "2013-07-02", "2013-07-03", "2013-11-27"]


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


def command(home: Path, *arguments: str, module: str = "local") -> subprocess.Popen[str]:
    """Start `python -m local` as the Makefile does, or `python -m pipeline`, for another home."""
    left_out = ("AIRFLOW", "SCORING", "HOME", "XDG_", "LC_")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**environ, "SCORING_HOME": str(home), "LANG": "C", "TZ": "Asia/Tokyo"},
        umask=0o077,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What a command printed, when it succeeded."""
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def until_airflow_starts(folder: Path, demo: subprocess.Popen[str]) -> None:
    """Wait until Airflow's last component has begun: beside it the databases are made and the sample is loaded."""
    deadline = time.monotonic() + 900
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
    assert [day for day in SCORED if f"{day}: published in" in output] == SCORED
    assert "2013-11-28: waits for a decision after" in output
    assert "http://127.0.0.1:" in output
    assert "user admin, password" in output
    assert not marked(folder)
    assert not server.is_running(folder)
    lines = story(output)
    assert [line[:15] for line in lines] == [
        *(f"  {number}  {day}" for number, day in enumerate([*SCORED, "2013-11-28"], start=1))
    ]
    assert all(re.search(r" 0  0\.\d{3}  .+published as usual", line) for line in lines[:3])
    assert "published, but unusual: precip" in " ".join(lines[3].split())
    assert "held: 634 rows were scored, and gate.min_rows is 650" in " ".join(lines[4].split())
    page = re.search(r"^  (/.+/reports/run-4\.html)$", output, re.MULTILINE)
    assert page
    assert "precip" in Path(page[1]).read_text(encoding="utf-8")

    output = finish(command(checkout, "demo"))
    assert "5 of 5 score dates are here already" in output
    assert "http://" not in output  # no Airflow had to be started
    assert story(output) == lines

    lines = re.findall(r"^  \.venv/bin/scoring (.+?) +# ", output, re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["runs", "diff", "reproduce", "show", "approve"]
    for line in lines:
        finish(command(checkout, *shlex.split(line), module="pipeline"))
    listed = finish(command(checkout, "runs", "flight_delay", "--json", module="pipeline"))
    assert [(run["run_id"], run["status"]) for run in json.loads(listed)] == [
        (number, "published") for number in (5, 4, 3, 2, 1)
    ]

    assert "nothing was left" in finish(command(checkout, "down"))


def story(output: str) -> list[str]:
    """The rows of the table of score dates, each with the lines that its verdict takes."""
    rows: list[str] = []
    for line in output.partition("verdict")[2].partition("\nReport")[0].splitlines()[1:]:
        if line[:5].strip():
            rows.append(line)
        else:
            rows[-1] += line
    return rows
