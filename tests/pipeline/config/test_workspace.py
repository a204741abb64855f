"""A job's workspace is looked up by its connections."""

from pathlib import Path

import pytest

from pipeline.config import workspace
from pipeline.config.workspace import Files, Workspace
from pipeline.project import ROOT
from tests.pipeline.config.job_files import MINIMAL, read


def test_folders_are_those_of_the_environment_or_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCORING_HOME", raising=False)
    monkeypatch.delenv("SCORING_STORE", raising=False)
    assert workspace.files() == Files(ROOT, str(ROOT / ".local" / "store"))
    monkeypatch.setenv("SCORING_HOME", "/srv/scoring")
    assert workspace.store() == "/srv/scoring/.local/store"
    monkeypatch.setenv("SCORING_STORE", "s3://bucket/runs")
    assert workspace.files() == Files(Path("/srv/scoring"), "s3://bucket/runs")


def test_the_databases_are_those_of_the_jobs_connections(tmp_path: Path) -> None:
    text = MINIMAL.replace("[extract]", '[extract]\nconnection = "shop"') + '[write]\nconnection = "scores"\n'
    resolved = Workspace.of(read(tmp_path, text), "postgresql://{}".format, "duckdb:///{}".format)
    assert (resolved.predictions, resolved.warehouse) == ("postgresql://scores", "duckdb:///shop")


def test_a_workspace_without_a_warehouse_asks_for_no_connection_to_one(tmp_path: Path) -> None:
    asked: list[str] = []

    def predictions(conn_id: str) -> str:
        asked.append(conn_id)
        return "postgresql://"

    assert Workspace.of(read(tmp_path, MINIMAL), predictions).warehouse == ""
    assert asked == ["predictions"]
