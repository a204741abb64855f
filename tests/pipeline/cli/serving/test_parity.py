"""pipeline/cli/serving/parity.py: what is said of a replay; a real one is in tests/pipeline/serving/parity/."""

import pytest

from pipeline.inspection.differences import Difference
from pipeline.serving.parity import replay
from pipeline.serving.parity.replay import Parity
from tests.home import NIGHT, Home
from tests.pipeline.cli.command import Command

SAME = Parity(7, "job", str(NIGHT), "shop version 1", 95, 5, 0, 0, (), 3)
DIFFERENCE = Difference(0, "a", "API", "score", 0.1, 0.10000000000000002)
OTHER = Parity(7, "job", str(NIGHT), "shop version 1", 95, 5, 1, 1, (DIFFERENCE,), 4)


def test_a_replay_says_what_it_came_to(home: Home, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    job = home.job("SELECT 1", "shop")
    monkeypatch.delenv("SCORING_API_TOKEN", raising=False)
    assert (
        "no token for http://127.0.0.1:8090. Make one with `scoring tokens add CLIENT`"
        in run("parity", job, NIGHT)[2]
    )
    monkeypatch.setenv("SCORING_API_TOKEN", "secret")
    for done, code, end in (
        (SAME, 0, "the same, bit for bit; certificate 3"),
        (OTHER, 1, "1 DIFFERENCES; certificate 4"),
    ):
        monkeypatch.setattr(replay, "replay", lambda *_, done=done: done)
        ended, output, complained = run("parity", job, NIGHT)
        assert (ended, output.endswith(end)) == (code, True)
        assert output.startswith(
            "run 7 of job 2024-03-01, shop version 1: 95 rows scored and 5 rejected, asked again"
        )
    assert "a score 0.1 0.10000000000000002" in output
    assert complained.startswith("1 of them differ in their last bits alone")
    assert '"certificate": 4' in run("parity", job, NIGHT, "--json")[1]
