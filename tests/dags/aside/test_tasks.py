"""What tasks aside of a run have in common: they fail nothing, and nobody is sent a message."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.aside import tasks
from pipeline.errors import ScoringError


def night(tried: int) -> dict[str, Any]:
    """The context of a try of a task that has one more."""
    return {"ti": SimpleNamespace(try_number=tried, max_tries=1)}


def test_a_passing_fault_is_tried_again_and_then_let_be() -> None:
    def fail(tried: int) -> None:
        with tasks.harmless(night(tried)):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        fail(1)
    with pytest.raises(AirflowSkipException, match="gone"):
        fail(2)


def test_what_cannot_be_done_is_let_be_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AirflowSkipException, match="no part"), tasks.harmless(night(1)):
        raise ScoringError("no part")
    assert "no part" in caplog.text


def test_the_log_of_a_failure_says_what_it_means(caplog: pytest.LogCaptureFixture) -> None:
    tasks.options()["on_failure_callback"]({"exception": AirflowFailException("why")})
    assert "why" in caplog.text
    assert "Nothing is to be cleared" in caplog.text


@pytest.mark.parametrize("name", ["challenge", "explain"])
def test_a_models_process_is_ended_before_its_task(name: str) -> None:
    options = tasks.with_model(name, 30)
    assert options["queue"] == "model"
    assert options["execution_timeout"] > timedelta(minutes=30)
    assert options["priority_weight"] == 0
