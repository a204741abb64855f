"""pipeline/reports/events.py: where something has happened, nobody reads that nothing has."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reports import events

STATES = st.sampled_from([None, "queued", "running", "success", "skipped", "failed", "upstream_failed"])


@pytest.mark.parametrize(
    ("states", "errors", "words"),
    [
        ({}, {}, "has begun no task yet"),
        ({"ready": "up_for_reschedule", "extract": None}, {}, "waits until its source is ready"),
        ({"extract": "running", "publish": None}, {}, "is not finished"),
        ({"measure": "failed"}, {"measure": "no such table"}, "The task measure failed: no such table"),
        ({"measure": "failed"}, {}, "The task measure failed. It was ended from outside"),
        ({"extract": "skipped", "publish": "skipped"}, {}, "The log of the task extract says why"),
        ({"prune": "success"}, {}, "has done its work"),
        ({"extract": "upstream_failed"}, {}, "A task failed, so"),
    ],
)
def test_what_became_of_a_dag_run(states: dict[str, str | None], errors: dict[str, str], words: str) -> None:
    assert words in " ".join(events.describe(states, errors))


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["extract", "predict", "publish"]), STATES, min_size=1))
def test_a_failure_is_always_said(states: dict[str, str | None]) -> None:
    text = " ".join(events.describe(states, {}))
    assert ("failed" in text) == bool({"failed", "upstream_failed"} & set(states.values()))
    assert all(f"The task {task} failed" in text for task, state in states.items() if state == "failed")
