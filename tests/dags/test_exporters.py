"""orchestration/exporters.py: what is known of a run leaves by Airflow's own metrics, and for an MLflow server."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk._shared.observability.metrics.statsd_logger import SafeStatsdLogger
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability import stats
from statsd import StatsClient

from orchestration import exporters
from pipeline.payloads import Evaluation
from pipeline.runs.decisions import decide
from tests.dags.test_publish import context, dag, publish, shop
from tests.pipeline.integrations.test_mlflow import Mlflow, mlflow
from tests.pipeline.shop import Shop
from tests.sinks import web

__all__ = ["mlflow", "shop", "web"]


@contextmanager
def statsd(host: str, port: int) -> Iterator[None]:
    """Send Airflow's metrics to a StatsD server."""
    client: Any = SafeStatsdLogger
    stats.initialize(
        factory=lambda: client(StatsClient(host, port, prefix="airflow")), export_legacy_names=False
    )
    try:
        yield
    finally:
        stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


def measured(shop: Shop, run_id: int) -> Evaluation:
    """What the results say of a run."""
    figures = {"outcomes": 90.0, "skill:base_rate": 0.2}
    return Evaluation(
        run_id=run_id,
        job=shop.job,
        score_date=date(2024, 3, 1),
        entities=100,
        metrics=figures,
        alarms=(),
        notes=(),
    )


def test_a_runs_numbers_leave_by_airflows_stats(shop: Shop) -> None:
    lines: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(30)
        with statsd("127.0.0.1", listener.getsockname()[1]):
            run_id = publish(shop).execute(context())["run_id"]
            exporters.send_outcomes(shop.home.read(shop.job), measured(shop, run_id))
        while f"airflow.scoring.{shop.job}.measured:1|c" not in lines:
            lines.add(listener.recv(1000).decode())
    assert f"airflow.scoring.{shop.job}.rows_scored:100.0|g" in lines
    assert any(line.startswith(f"airflow.scoring.{shop.job}.label_share_true:") for line in lines)
    assert f"airflow.scoring.{shop.job}.published:1|c" in lines
    assert f"airflow.scoring.{shop.job}.outcomes_skill_base_rate:0.2|g" in lines


def test_figures_of_a_date_that_the_model_has_seen_are_no_gauge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, float] = {}
    counted: list[str] = []
    monkeypatch.setattr(exporters, "send_gauge", sent.__setitem__)
    monkeypatch.setattr(exporters, "send_count", counted.append)
    done = measured(shop, 1)
    job = shop.home.read(shop.job)
    exporters.send_outcomes(job, done.model_copy(update={"metrics": {**done.metrics, "in_sample": 1.0}}))
    assert (sent, counted) == ({}, [f"scoring.{shop.job}.measured"])
    exporters.send_outcomes(job, done.model_copy(update={"metrics": {**done.metrics, "in_sample": 0.0}}))
    assert sent[f"scoring.{shop.job}.outcomes:outcomes"] == 90


@pytest.fixture
def tracked(shop: Shop, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A job whose numbers go to an MLflow server."""
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW", f"http://ana:word@127.0.0.1:{mlflow.server_port}")
    shop.configure('to = "alerts"', 'to = "alerts"\n\n[tracking]\nmlflow = "mlflow"')
    return shop


def test_a_published_run_and_its_results_arrive_at_an_mlflow_server(tracked: Shop, mlflow: Mlflow) -> None:
    run_id = publish(tracked).execute(context())["run_id"]
    exporters.send_outcomes(tracked.home.read(tracked.job), measured(tracked, run_id))
    [run] = mlflow.runs
    assert (run["experiment"], run["status"], run["params"]["run_id"]) == (
        tracked.job,
        "FINISHED",
        str(run_id),
    )
    known = {key: value for key, value, _ in run["metrics"]}
    assert (known["rows_scored"], known["outcomes/skill/base_rate"]) == (100, 0.2)
    assert set(mlflow.headers) == {"Basic YW5hOndvcmQ="}


def test_a_held_run_arrives_too_and_what_becomes_of_it(tracked: Shop, mlflow: Mlflow) -> None:
    tracked.configure("min_rows = 1", "min_rows = 1000")
    task = publish(tracked)
    with pytest.raises(AirflowFailException, match="is held"):
        task.execute(context(run_type="backfill"))
    assert mlflow.runs[0]["status"] == "RUNNING"
    decide(tracked.home.approver, tracked.runs()[0]["run_id"], approve=False, by="ana", reason="few")
    waiting: Any = dag(tracked).task_dict["decide"]
    run_id, later = tracked.runs()[0]["run_id"], datetime.now(UTC).isoformat()
    with pytest.raises(AirflowFailException, match="was rejected"):
        waiting.decided(context(), {"error": "timeout"}, run_id, later, False)
    [run] = mlflow.runs
    assert (run["status"], run["tags"]["scoring.status"]) == ("KILLED", "abandoned")
