"""What tasks share: names that Python's fork server can import, for it passes over one that it cannot."""

import importlib.util
import sys

import pytest

from local import preload


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared")
@pytest.mark.parametrize("settings", [preload.LIBRARIES, preload.EVERYTHING], ids=["libraries", "everything"])
def test_every_module_is_there(settings: dict[str, str]) -> None:
    names = settings["AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD"].split(",")
    assert [name for name in names if importlib.util.find_spec(name) is None] == []


def test_an_edit_of_the_pipeline_counts_from_the_next_task_on() -> None:
    shared = preload.LIBRARIES.get("AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD", "")
    assert "pipeline" not in shared
    assert "orchestration" not in shared
