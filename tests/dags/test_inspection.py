"""dags/inspection.py: a file that cannot be used is a failed run of every job that it stops, and one message."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from pipeline.integrations.outbox import Alert, enqueue_and_send
from tests.dags.test_publish import shop
from tests.home import NIGHT
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["shop", "web"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dag(shop: Shop) -> DAG:
    """The DAG, as Airflow's DAG processor reads it."""
    folder = shop.home.path / "dags"
    shutil.copy(ROOT / "dags" / "inspection.py", folder)
    bag = DagBag(str(folder / "inspection.py"), bundle_path=folder, bundle_name="tests")
    assert not bag.import_errors
    return bag.dags["scoring-inspection"]


def inspect(dag: DAG) -> Any:
    """Call the task's function as a worker does."""
    task: Any = dag.task_dict["inspect"]
    return task.python_callable(ti=SimpleNamespace(log_url="http://airflow/dags/scoring-inspection/runs/now"))


def test_what_can_be_used_is_no_failure(shop: Shop, web: Web, dag: DAG) -> None:
    assert inspect(dag) == []
    assert (shop.runs(), web.got) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("owner =", "ownr =", "key 'ownr' is unknown. Did you mean 'owner'?"),
        (r"\[model\]", "[model", "not a TOML file"),
    ],
)
def test_a_job_file_that_cannot_be_used_is_a_run_and_one_message(
    shop: Shop, web: Web, dag: DAG, old: str, new: str, reason: str
) -> None:
    # Where the file does not say whom to tell, those are told who were before.
    before = Alert(shop.job, NIGHT, shop.job, "before", "-")
    enqueue_and_send(shop.home.workspace.predictions, "alerts", lambda _: [web.url], before)
    shop.configure(old, new)
    for _ in range(2):
        assert inspect(dag) == [f"{shop.job}.toml"]
    [run] = shop.runs()
    assert (run["status"], reason in run["status_reason"]) == ("failed", True)
    [posted] = [posted for posted in web.got if posted["title"].endswith(f"{shop.job}.toml cannot be used")]
    assert reason in posted["message"]
    # The next night is scored as if nothing had been.
    shop.configure(new.replace("[", r"\["), old.replace("\\", ""))
    assert inspect(dag) == []
    # What breaks again the same way is news.
    shop.configure(old, new)
    assert inspect(dag) == [f"{shop.job}.toml"]
    assert [posted["title"].rpartition(": ")[2] for posted in web.got[1:]] == [
        f"{shop.job}.toml cannot be used",
        "all clear",
        f"{shop.job}.toml cannot be used",
    ]
    shop.configure(new.replace("[", r"\["), old.replace("\\", ""))
    assert shop.home.score(shop.job).rows_scored == 100


def test_a_file_that_makes_the_dags_and_cannot_be_imported_is_told_once_for_all_its_jobs(
    shop: Shop, web: Web, dag: DAG
) -> None:
    other = shop.job + "_too"
    text = (shop.home.path / "dags" / f"{shop.job}.toml").read_text()
    (shop.home.path / "dags" / f"{other}.toml").write_text(text)
    (shop.home.path / "dags" / "scoring.py").write_text("import nowhere_to_be_found\n")
    assert inspect(dag) == ["scoring.py"]
    for job in (shop.job, other):
        assert "No module named 'nowhere_to_be_found'" in shop.home.last_run(job)["status_reason"]
    assert [posted["title"].partition(": ")[2] for posted in web.got] == ["scoring.py cannot be used"]


def test_its_task_keeps_the_connections_that_a_broken_file_names(
    shop: Shop, web: Web, dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(extra))
    shop.configure('to = "alerts"', 'to = "pager"\nform = "text"')
    dag.default_args["pre_execute"]({})
    assert inspect(dag) == [f"{shop.job}.toml"]
    assert len(web.got) == 1
