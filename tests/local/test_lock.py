"""One process at a time runs the Airflow of a folder, and is known by more than its pid."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local import lock
from local.processes import LocalError

HOLD = """
import pathlib, sys, time
from local import lock
with lock.hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock of a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_refused_and_told_who(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        try:
            with (
                pytest.raises(LocalError, match=f"process {first.pid} is running .* `make down`"),
                lock.hold(tmp_path),
            ):
                pass
            assert lock.holder(tmp_path) == psutil.Process(first.pid)
        finally:
            first.kill()


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
    assert json.loads((tmp_path / "lease.json").read_text())["pid"] == first.pid
    assert lock.holder(tmp_path) is None
    with lock.hold(tmp_path):
        assert lock.holder(tmp_path) == psutil.Process()


def test_a_pid_that_was_given_away_is_not_the_holder(tmp_path: Path) -> None:
    with lock.hold(tmp_path) as path:
        path.write_text(json.dumps({"pid": os.getppid(), "created": 1.0}))
        assert lock.holder(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "created": 1}'])
def test_a_damaged_lock_names_nobody(tmp_path: Path, content: str) -> None:
    with lock.hold(tmp_path) as path:
        path.write_text(content)
        assert lock.holder(tmp_path) is None


def test_a_folder_that_never_ran_has_no_holder(tmp_path: Path) -> None:
    assert lock.holder(tmp_path) is None


def test_a_lease_ends_with_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.hold(tmp_path):
            pass
    assert lock.holder(tmp_path) is None
