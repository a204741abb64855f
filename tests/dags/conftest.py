"""What operators say to Airflow's supervisor is kept, and nothing is answered."""

from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import MaskSecret


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
