"""A job whose DAG can be read; and what operators say to Airflow's supervisor is kept, and nothing is answered."""

import shutil
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import MaskSecret

from tests.dags.bag import ROOT
from tests.home import Home


class Supervisor:
    """Stands where a task's process has its supervisor."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.got: list[Any] = []

    def send(self, msg: Any) -> None:
        """Keep a message; secrets to be masked are none."""
        if not isinstance(msg, MaskSecret):
            self.got.append(msg)


@pytest.fixture(autouse=True)
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """The supervisor of the tasks that a test executes."""
    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    return made


@pytest.fixture
def job(home: Home) -> str:
    """A job whose DAG can be looked at."""
    shutil.copy(ROOT / "dags" / "scoring.py", home.path / "dags")
    return home.job("SELECT 1", "shop")
