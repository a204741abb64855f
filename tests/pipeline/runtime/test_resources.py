"""pipeline/runtime/resources.py: tasks beside one another share the processors, and so do the batches of one task."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import joblib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.runtime import resources

SHARES = """
import json, threading
from pipeline.runtime import resources
resources.limit_threads()
import sklearn.ensemble
import pyarrow as pa
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as openmp
print(json.dumps([resources.share(), pa.cpu_count(), pa.default_memory_pool().backend_name, openmp(),
                  *resources.in_order(lambda _: openmp(), range(4), 2)]))
"""


@pytest.mark.parametrize("tasks", ["1", "2", "64"])
def test_a_task_gets_its_share_and_whatever_a_model_computes_with_one_processor(tasks: str) -> None:
    share = max(1, joblib.cpu_count() // int(tasks))
    environ = {**os.environ, "SCORING_TASKS": tasks}
    ended = subprocess.run([sys.executable, "-c", SHARES], env=environ, check=True, stdout=subprocess.PIPE)
    assert json.loads(ended.stdout) == [share, share, "system", 1, 1, 1, 1, 1]


@given(st.integers(0, 20), st.integers(1, 5), st.integers(0, 25))
def test_results_come_in_order_and_few_items_are_under_way(items: int, threads: int, bad: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item >= bad:
            raise ValueError(item)
        return item

    taken: list[int] = []
    results: list[int] = []

    def given_one_by_one() -> Iterator[int]:
        for item in range(items):
            taken.append(item)
            assert len(taken) - len(results) <= threads + 1
            yield item

    try:
        for result in resources.in_order(work, given_one_by_one(), threads):
            results.append(result)  # noqa: PERF402 - counted meanwhile
    except ValueError as error:
        assert error.args == (bad,)  # the first in order, whichever was first in time
    assert results == list(range(min(items, bad)))
    assert sorted(set(begun)) == sorted(begun)


@pytest.mark.parametrize("said", ["0", "-1", "many", ""])
def test_a_share_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SCORING_TASKS", said)
    with pytest.raises(UsageError, match=f"SCORING_TASKS='{said}': set it to the number of tasks"):
        resources.limit_threads()
