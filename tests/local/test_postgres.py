"""A crash leaves the embedded Postgres running and a dead process on its list; both are put right."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import postgres
from pipeline import embedded

HOLD = """
import pathlib, sys, time
from pipeline import embedded
embedded.start(pathlib.Path(sys.argv[1]))
print("started", flush=True)
time.sleep(120)
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """A process that uses the embedded server of a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.fixture(scope="module")
def crashed(postgres_folder: Callable[[], Path]) -> Iterator[Path]:
    """Data folder of a server whose only user was killed."""
    folder = postgres_folder()
    with hold(folder) as process:
        process.send_signal(signal.SIGKILL)
    yield folder / "postgres"
    postgres.stop(folder / "postgres")


def test_a_server_that_a_crash_left_is_stopped_when_nobody_uses_it(crashed: Path) -> None:
    assert postgres.is_running(crashed)
    with hold(crashed.parent) as other:
        try:
            assert embedded.forget_dead(crashed) == [other.pid]
            assert postgres.stop(crashed) == [other.pid]
            assert postgres.is_running(crashed)
        finally:
            other.kill()
    assert postgres.stop(crashed) == []
    assert not postgres.is_running(crashed)
    assert postgres.stop(crashed) == []


def test_a_process_that_is_younger_than_the_list_is_not_on_it(tmp_path: Path) -> None:
    listed = tmp_path / ".handle_pids.json"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        try:
            listed.write_text(json.dumps([process.pid]))
            assert embedded.forget_dead(tmp_path) == [process.pid]
            before = listed.stat().st_mtime - 1000
            os.utime(listed, (before, before))
            assert embedded.forget_dead(tmp_path) == []
        finally:
            process.kill()
    assert json.loads(listed.read_text()) == []


@pytest.mark.parametrize("content", ["", "no number\n", "1\n", "999999999\n"])
def test_a_left_over_pid_file_proves_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert not postgres.is_running(tmp_path)
    assert postgres.stop(tmp_path) == []


def test_a_folder_without_a_server_has_nothing_to_stop(tmp_path: Path) -> None:
    assert postgres.stop(tmp_path / "postgres") == []
