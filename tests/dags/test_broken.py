"""orchestration/broken.py: a job that cannot be used stands in Airflow with its error, and the others go on."""

import os
from unittest.mock import Mock

import pytest
import structlog
from airflow.dag_processing.processor import _serialize_dags

from orchestration import broken
from pipeline.config.job import JobError
from tests.dags.bag import load, module
from tests.home import Home


def test_a_broken_job_file_breaks_its_own_dag_only(home: Home, job: str) -> None:
    broken = home.job("SELECT 1", "shop")
    path = home.path / "dags" / f"{broken}.toml"
    path.write_text(path.read_text().replace("owner =", "ownr ="))
    # The last two would be called like each other and like the good job, but for their letters.
    others = ["not a name.toml", "größe.toml", os.fsdecode(b"\xff.toml"), f"{job.upper()}.toml"]
    others += [job.replace("_", other) + ".toml" for other in " -"]
    for name in others:
        (home.path / "dags" / name).write_text("]")
    bag = load(home)
    good, errors = _serialize_dags(bag, structlog.get_logger())
    assert not bag.import_errors
    assert [dag.dag_id for dag in good] == [job]
    assert set(errors) == {f"{broken}.toml", *(name.replace("\udcff", r"\udcff") for name in others)}
    assert str(errors).encode()  # Airflow keeps no text that is none
    assert f"{broken}.toml: key 'ownr' is unknown. Did you mean 'owner'?" in errors[f"{broken}.toml"]
    assert "not a name.toml: not a TOML file" in errors["not a name.toml"]


def test_whatever_airflow_refuses_of_one_job_the_others_go_on(
    home: Home, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = module(load(home).dags[job])
    monkeypatch.setattr(scoring, "Asset", Mock(side_effect=ValueError("prohibited")))
    dag = broken.dag_of(home.path / "dags" / f"{job}.toml", scoring.build)
    with pytest.raises(
        JobError, match=f"{job}.toml: Airflow refuses its DAG: ValueError: prohibited. Correct"
    ):
        dag.get_serialized_fields()  # type: ignore[no-untyped-call]
