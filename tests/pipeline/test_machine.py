"""pipeline/machine.py: tasks beside one another share the processors."""

import json
import os
import subprocess
import sys

import joblib
import pytest

from pipeline import machine
from pipeline.errors import UsageError

SHARES = """
import json, os
from pipeline import machine
share = machine.claim({beside})
import sklearn.ensemble
import pyarrow as pa
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
print(json.dumps([share, pa.cpu_count(), _openmp_effective_n_threads(), pa.default_memory_pool().backend_name]))
"""


@pytest.mark.parametrize(("tasks", "beside"), [("1", 1), ("1", 2), ("2", 1), ("64", 1)])
def test_arrow_and_the_model_get_the_tasks_share(tasks: str, beside: int) -> None:
    share = max(1, joblib.cpu_count() // int(tasks) // beside)
    environ = {**os.environ, "SCORING_TASKS": tasks}
    ended = subprocess.run(
        [sys.executable, "-c", SHARES.format(beside=beside)], env=environ, check=True, stdout=subprocess.PIPE
    )
    assert json.loads(ended.stdout) == [share, share, share, "system"]


@pytest.mark.parametrize("said", ["0", "-1", "many", ""])
def test_a_share_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SCORING_TASKS", said)
    with pytest.raises(UsageError, match=f"SCORING_TASKS='{said}': set it to the number of tasks"):
        machine.claim()
