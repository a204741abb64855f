"""orchestration/: a held night's fallback, decision and messages; waiting itself is in tests/e2e/test_held.py."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from pipeline.payloads import Run
from pipeline.runs.decisions import decide
from pipeline.tasks.log_metrics import log_metrics
from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop
from tests.sinks import Web, web

__all__ = ["web"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shop(home: Home, web: Web, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A job whose people get their messages from a web hook."""
    connection = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", json.dumps(connection))
    shutil.copy(ROOT / "dags" / "scoring.py", home.path / "dags")
    return open_shop(home, gate='min_rows = 1\n\n[alerts]\nto = "alerts"')


def dag(shop: Shop) -> DAG:
    """The job's DAG."""
    folder = shop.home.path / "dags"
    return DagBag(str(folder), bundle_path=folder, bundle_name="tests").dags[shop.job]


class Events(dict[Any, Any]):
    """Events of assets, made when they are asked for."""

    def __missing__(self, key: Any) -> Any:
        return self.setdefault(key, SimpleNamespace(extra=None))


def context(day: date = NIGHT, **changed: Any) -> dict[str, Any]:
    """What Airflow hands to a task, as far as the operators look at it."""
    due = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    run = {
        "dag_id": "shop",
        "run_id": "nightly",
        "run_type": "scheduled",
        "clear_number": 0,
        "logical_date": None,
        "triggering_user_name": None,
        "run_after": due,
    }
    link = "http://airflow/dags/shop/runs/nightly/tasks/publish?try_number=1"
    return {
        "dag_run": SimpleNamespace(**{**run, **changed}),
        "ti": SimpleNamespace(
            task_id="publish", map_index=-1, try_number=1, log_url=link, xcom_push=lambda key, value: None
        ),
        "params": {},
        "outlet_events": Events(),
    }


def publish(shop: Shop, run: Run | None = None) -> Any:
    """The task `publish` after a written run."""
    run = run or shop.extract()
    verdict = log_metrics(shop.home.workspace, shop.home.read(shop.job), run, shop.write(run))
    task: Any = dag(shop).task_dict["publish"]
    task.extracted, task.verdict = run.json_value(), verdict.json_value()
    return task


def test_a_good_night_is_published_and_tells_nobody(shop: Shop, web: Web) -> None:
    task_context = context()
    publication = publish(shop).execute(task_context)
    assert [event.extra for event in task_context["outlet_events"].values()] == [publication]
    assert publication["rows_scored"] == 100
    assert web.got == []


def test_the_held_nights_of_a_backfill_end_at_once_and_are_told_of_in_one_message(
    shop: Shop, web: Web
) -> None:
    shop.configure("min_rows = 1", "min_rows = 1000")
    for number in range(3):
        night = context(NIGHT + timedelta(days=number), run_id=f"backfill {number}", run_type="backfill")
        with pytest.raises(AirflowFailException, match="is held: 100 rows were scored") as held:
            publish(shop).execute(night)
        dag(shop).default_args["on_failure_callback"]({**night, "exception": held.value})
    [posted] = web.got
    assert "one run of a backfill" in posted["message"]
    assert [run["status"] for run in shop.runs()] == ["held"] * 3


def test_while_a_run_is_held_its_fallback_is_served(shop: Shop, web: Web) -> None:
    shop.configure('owner = "tests"', 'owner = "tests"\nfallback = "last_published"')
    shop.home.score(shop.job, NIGHT - timedelta(days=1))
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(AirflowFailException, match="is held"):
        publish(shop).execute(context(run_type="backfill"))
    seen = shop.predictions()
    assert set(seen[seen["score_date"] == NIGHT]["served_by"]) == {"last_published"}
    assert "served_by = 'last_published'" in web.got[0]["message"]
    held = next(run for run in shop.runs() if run["status"] == "held")
    decide(shop.home.approver, held["run_id"], approve=True, by="ana", reason="fine")
    seen = shop.predictions()
    assert set(seen[seen["score_date"] == NIGHT]["served_by"]) == {"model"}
