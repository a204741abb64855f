"""The executor of the local Airflow: what tasks share is loading before the first of them comes."""

import subprocess
import sys

import pytest

from local.airflow_environment import ROOT

STARTS_IT = """
import multiprocessing, psutil
from local.executor import ReadyLocalExecutor
multiprocessing.set_start_method('forkserver')
executor = ReadyLocalExecutor(parallelism=1)
executor.start()
forks = any("multiprocessing.forkserver" in " ".join(each.cmdline()) for each in psutil.Process().children())
executor.end()
print(forks)
"""


@pytest.mark.airflow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tasks are no forks")
def test_the_fork_server_runs_as_soon_as_the_executor_does() -> None:
    command = [sys.executable, "-c", STARTS_IT]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.split()[-1:] == ["True"], ended.stderr
