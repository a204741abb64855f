"""pipeline/config/resources_section.py: processors and memory, task by task."""

from pathlib import Path

import pytest

from pipeline.config.job import JobError
from pipeline.config.resources_section import StageResources
from tests.pipeline.config.job_files import MINIMAL, read


def test_a_job_asks_for_nothing_unless_it_says_so(tmp_path: Path) -> None:
    resources = read(tmp_path, MINIMAL).resources
    assert {resources.of(task).model_dump_json() for task in ("extract", "predict", "decide")} == {
        StageResources().model_dump_json()
    }


def test_each_task_has_its_own(tmp_path: Path) -> None:
    resources = read(tmp_path, f"{MINIMAL}[resources]\npredict = {{cpu = 4, memory_mb = 6000}}\n").resources
    assert (resources.of("predict").cpu, resources.of("predict").memory_mb) == (4, 6000)
    assert resources.of("extract") == StageResources()


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("[resources.predict]\ncpu = 0", "key 'resources.predict.cpu' = 0: Input should be greater than"),
        ("[resources.predict]\nmemory_mb = 0.5", "key 'resources.predict.memory_mb' = 0.5: Input should be"),
        ('[resources.predict]\nmemory_mb = "2Gi"', "key 'resources.predict.memory_mb' = '2Gi': .* integer"),
        (
            "[resources.predict]\nmemory = 1",
            "key 'resources.predict.memory' is unknown. Did you mean 'memory_mb'",
        ),
        ("[resources.decide]\ncpu = 1", "key 'resources.decide' is unknown. .*Known: extract, load_model"),
    ],
)
def test_what_a_section_may_not_say_is_named(tmp_path: Path, keys: str, complaint: str) -> None:
    with pytest.raises(JobError, match=complaint):
        read(tmp_path, f"{MINIMAL}{keys}")
