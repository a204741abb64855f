"""The process that forks workers is started once by interpreter, and again where it was killed."""

import os
import pickle
import sys
from pathlib import Path

import psutil
import pytest
from sklearn.dummy import DummyRegressor

from pipeline.isolation import forkers
from pipeline.isolation.forkers import WorkerError
from pipeline.isolation.workers import Worker
from tests.pipeline.isolation.says import order


def test_one_that_was_killed_is_started_again() -> None:
    forkers.begin()
    assert forkers.forker(Path(sys.executable)) is forkers.forker(Path(sys.executable))
    for process in psutil.Process().children():
        if process.status() == psutil.STATUS_ZOMBIE:  # what another test has killed
            continue
        if "pipeline/worker/__main__.py" in " ".join(process.cmdline()):
            assert set(process.environ()) & {"SCORING_HOME", "HOME", "AIRFLOW_HOME"} == set()
            process.kill()
            process.wait(30)
    worker = Worker(order(), pickle.dumps(DummyRegressor(strategy="constant", constant=1).fit([[0]], [1])))
    assert "memory limit" in worker.held


def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="python cannot be started: No such file or directory"):
        forkers.forker(tmp_path / "python")
    (tmp_path / "broken").write_text("#!/bin/sh\necho no libraries here >&2\n")
    os.chmod(tmp_path / "broken", 0o755)
    with pytest.raises(WorkerError, match="no libraries here"):
        Worker(order(python=tmp_path / "broken"), b"")
