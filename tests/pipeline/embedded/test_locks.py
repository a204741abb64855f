"""pipeline/embedded/locks.py: a locked file names a living process; whoever dies loses it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.embedded import locks

HOLD = """
import pathlib, sys
from pipeline.embedded import locks
locks.join(pathlib.Path(sys.argv[1]))
print("joined", flush=True)
sys.stdin.read()
"""


def test_a_file_that_nobody_holds_is_not_locked(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert not locks.is_locked(tmp_path / "lock")
    assert not locks.is_locked(tmp_path / "none")


def test_a_process_joins_once_and_leaves(tmp_path: Path) -> None:
    users = tmp_path / "users"
    assert locks.join(users)
    assert not locks.join(users)
    assert locks.leave(users) == []
    assert list(users.iterdir()) == []


def test_another_process_is_a_user_until_it_is_killed(tmp_path: Path) -> None:
    users = tmp_path / "users"
    command = [sys.executable, "-c", HOLD, str(users)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "joined\n"
        assert locks.leave(users) == [other.pid]
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert locks.leave(users) == []


def test_the_gate_names_who_went_through(tmp_path: Path) -> None:
    with locks.gate(tmp_path / "gate"):
        assert locks.is_locked(tmp_path / "gate")
        assert (tmp_path / "gate").read_text() == str(os.getpid())
    assert not locks.is_locked(tmp_path / "gate")
