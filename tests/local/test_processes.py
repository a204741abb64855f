"""Processes are stopped with everything they started; nobody else's are touched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import processes
from local.processes import MARK, LocalError, marked, spawn, stop

SLEEP = "import time; time.sleep(300)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEP}"
)
# As Airflow's tasks do: a child in a process group of its own, which no signal to the parent's group reaches.
PARENT = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], process_group=0)
{SLEEP}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose processes are gone after the test."""
    yield tmp_path
    stop(tmp_path, grace=0)


def start(folder: Path, code: str, name: str = "child") -> processes.Child:
    """Start a marked Python process."""
    return spawn(name, [sys.executable, "-c", code], dict(os.environ), folder, folder / f"{name}.log")


def until(count: int, folder: Path) -> list[psutil.Process]:
    """Wait until so many marked processes live."""
    deadline = time.monotonic() + 60
    while len(found := marked(folder)) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def ready(child: processes.Child, word: str = "ready") -> None:
    """Wait until a process has printed a word: that it ignores SIGTERM, unless told otherwise."""
    deadline = time.monotonic() + 60
    while word not in child.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_is_stopped_and_its_output_kept(folder: Path) -> None:
    child = start(folder, f"print('hello', flush=True); {SLEEP}")
    until(1, folder)
    ready(child, "hello")
    assert stop(folder) == 1
    assert child.process.wait(30) == -signal.SIGTERM
    assert marked(folder) == []


def test_children_in_groups_of_their_own_are_stopped_too(folder: Path) -> None:
    child = start(folder, PARENT)
    ready(child)
    assert len({os.getpgid(process.pid) for process in until(2, folder)}) == 2
    stop(folder, grace=0.5)
    assert marked(folder) == []


def test_orphans_of_a_killed_parent_are_found(folder: Path) -> None:
    child = start(folder, PARENT)
    ready(child)
    until(2, folder)
    child.process.kill()
    child.process.wait()
    until(1, folder)
    assert stop(folder, grace=0.2) == 1
    assert marked(folder) == []


def test_one_that_ignores_the_request_is_killed_after_the_grace(folder: Path) -> None:
    child = start(folder, STUBBORN)
    ready(child)
    begun = time.monotonic()
    stop(folder, grace=0.5)
    assert time.monotonic() - begun >= 0.5
    assert child.process.wait(30) == -signal.SIGKILL


def test_a_spared_child_lives_on(folder: Path) -> None:
    start(folder, SLEEP, "server")
    start(folder, SLEEP, "worker")
    until(2, folder)
    assert stop(folder, spare="server") == 1
    assert len(marked(folder)) == 1


def test_processes_of_another_folder_are_left_alone(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    start(other, SLEEP)
    try:
        until(1, other)
        assert stop(folder) == 0
        assert len(marked(other)) == 1
    finally:
        stop(other)


def test_a_process_without_the_mark_is_left_alone(folder: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != MARK}
    with subprocess.Popen([sys.executable, "-c", SLEEP], env=environ) as bystander:
        try:
            assert stop(folder) == 0
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_dead_child_is_reported_with_the_end_of_its_log(folder: Path) -> None:
    child = start(folder, "print('the reason'); raise SystemExit(3)", "scheduler")
    child.process.wait(30)
    with pytest.raises(LocalError, match=r"scheduler ended with exit code 3.*\nthe reason"):
        child.check()


def test_a_ctrl_c_does_not_interrupt_the_stopping(folder: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with processes.undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_runs_what_is_left_to_do(tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
import pathlib, time
from local.processes import exit_on_signals
exit_on_signals()
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    pathlib.Path({str(tmp_path / "done")!r}).touch()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == 128 + number
    assert (tmp_path / "done").exists()


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert processes.tail(log) == "(no log was written)"
    log.write_text("\n".join(map(str, range(100))) + "\n")
    assert processes.tail(log, 3) == "97\n98\n99"
