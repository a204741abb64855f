"""pipeline/cli/analysts.py: exports and connection strings. Grants: tests/pipeline/provisioning/test_analysts.py."""

import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.embedded import door
from tests.home import NIGHT
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop

THEIRS = "postgresql://ann:s3cret@db.example.org/scores"


def test_predictions_are_exported(
    shop: Shop, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCORING_ANALYST", shop.home.server.connections["analyst"])
    run("score", shop.job, NIGHT)
    name = f"{shop.job}_2024-03-01_2024-03-02.parquet"
    code, output, _ = run("export", shop.job, NIGHT, "2024-03-02")
    assert (code, output) == (
        0, f"wrote {name}: 100 rows of 1 score date; nothing is published of the other 1"
    )  # fmt: skip
    assert pq.read_metadata(tmp_path / name).num_rows == 100
    code, _, complained = run("export", shop.job, NIGHT, "2024-03-02")
    assert (code, "is there already. Replace it with --force" in complained) == (2, True)
    code, output, complained = run("export", shop.job, NIGHT, "--format", "csv")
    assert code == 0
    assert output.startswith('"job","score_date","entity_id","score","label",')
    assert output.count("customer-") == 100
    assert complained == "wrote CSV: 100 rows of 1 score date"
    assert run("export", shop.job, "2023-01-01", "--out", tmp_path / "x")[0] == 1
    assert "no job 'nothing' in" in run("export", "nothing", NIGHT)[2]
    assert not (tmp_path / "x").exists()


def test_the_connection_string_is_the_configured_one(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_ANALYST", THEIRS)
    assert run("dsn") == (0, THEIRS, "")
    monkeypatch.delenv("SCORING_ANALYST")
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", "postgres://pipeline:s3cret@db.example.org/scores")
    code, output, complained = run("dsn")
    assert (code, output) == (2, "")
    assert "no login of an analyst: AIRFLOW_CONN_PREDICTIONS is the pipeline's, which writes." in complained
    assert "s3cret" not in complained


def test_the_embedded_database_has_one_that_stays(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS", raising=False)
    monkeypatch.delenv("SCORING_ANALYST", raising=False)
    code, output, complained = run("dsn")
    assert (code, output) == (0, door.address(tmp_path / ".local").uri)
    assert complained == "Nothing answers there now. Start it: make up"
    assert run("dsn")[1] == output
    assert stat.S_IMODE((tmp_path / ".local" / "analyst.json").stat().st_mode) == 0o600
