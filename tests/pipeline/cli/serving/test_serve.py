"""pipeline/cli/serving/serve.py: what is refused before anything listens. Others: tests/pipeline/serving/."""

import pytest

from tests.home import Home
from tests.pipeline.cli.command import Command


def test_what_cannot_be_served_is_refused(home: Home, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_API_ROWS", "none")
    code, _, complained = run("serve")
    assert (code, complained) == (
        2, "SCORING_API_ROWS='none': set it to a positive number, or leave the variable out."
    )  # fmt: skip
    monkeypatch.delenv("SCORING_API_ROWS")
    assert "nothing can listen on 203.0.113.7 port 8090" in run("serve", "--host", "203.0.113.7")[2]
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_API")
    code, _, complained = run("serve")
    assert code == 2
    assert "Set AIRFLOW_CONN_PREDICTIONS_API, as a login that is a member of scoring_api" in complained
