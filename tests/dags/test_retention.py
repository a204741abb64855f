"""dags/retention.py: one DAG that throws away, called like no job can be."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from tests.home import Home
from tests.pipeline.maintenance.aging import age, enter
from tests.pipeline.shop import open_shop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dag(home: Home) -> DAG:
    """The DAG, as Airflow's DAG processor reads it."""
    folder = home.path / "dags"
    shutil.copy(ROOT / "dags" / "retention.py", folder)
    bag = DagBag(str(folder), bundle_path=folder, bundle_name="tests")
    assert not bag.import_errors
    return bag.dags["scoring-retention"]


def prune(dag: DAG, *, dry_run: bool) -> Any:
    """Call the task's function as a worker does."""
    task: Any = dag.task_dict["prune"]
    return task.python_callable(params={"dry_run": dry_run})


def test_no_job_can_be_called_like_it(home: Home, dag: DAG) -> None:
    with pytest.raises(Exception, match="a job's file name is a lower-case word"):
        home.read(home.job("SELECT 1", "shop", name=dag.dag_id))


def test_it_runs_once_a_day_and_one_at_a_time(dag: DAG) -> None:
    timetable: Any = dag.timetable
    assert (timetable.expression, dag.catchup, dag.max_active_runs) == ("30 12 * * *", False, 1)
    assert dag.doc_md is not None
    assert "--dry-run" in dag.doc_md


def test_it_prunes_every_job_and_says_what_went(
    home: Home, dag: DAG, caplog: pytest.LogCaptureFixture
) -> None:
    (home.path / "dags" / "broken.toml").write_text("=")
    shops = [open_shop(home), open_shop(home)]
    for shop in shops:
        home.score(shop.job)
        age(shop, 31)
        enter(shop)
    caplog.set_level("INFO")
    assert prune(dag, dry_run=True) == {"items": 2, "rows": 0}
    assert len(list(Path(home.store).rglob("*.parquet"))) == 18
    (home.path / "dags" / f"{shops[0].job}.toml").unlink()  # the database knows its days
    assert prune(dag, dry_run=False) == {"items": 2, "rows": 0}
    assert list(Path(home.store).rglob("*.parquet")) == []
    assert all(f"job='{shop.job}'" in caplog.text for shop in shops)
    assert "broken.toml: not a TOML file" in caplog.text
