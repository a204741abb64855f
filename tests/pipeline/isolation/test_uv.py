"""uv is found where it is named, on PATH, or as a distribution; what it says of a failure is told."""

import sys
from pathlib import Path

import pytest

from pipeline.isolation import uv
from pipeline.isolation.uv import UvError


def test_it_is_found_by_its_setting_first_and_then_on_path(tmp_path: Path) -> None:
    program = tmp_path / "uv"
    program.touch(0o755)
    assert uv.find({"SCORING_UV": "/opt/uv", "PATH": str(tmp_path)}) == Path("/opt/uv")
    assert uv.find({"PATH": str(tmp_path)}) == program
    assert uv.find({"SCORING_UV": "", "PATH": str(tmp_path)}) is None


def test_it_gets_no_credential_and_its_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_UV", sys.executable)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "canary")
    monkeypatch.setenv("UV_INDEX", "https://index.example")
    seen = uv.run("-c", "import os; print(*os.environ)").split()
    assert "UV_INDEX" in seen
    assert "AIRFLOW_CONN_WAREHOUSE" not in seen
    with pytest.raises(UvError, match="uv -c import sys; sys.exit.'no index'. failed: no index"):
        uv.run("-c", "import sys; sys.exit('no index')")
    monkeypatch.setenv("SCORING_UV", "/no/such/uv")
    with pytest.raises(UvError, match="/no/such/uv cannot be started: No such file.*Name uv in SCORING_UV"):
        uv.run("--version")
