"""A run that an asset begins, under a real scheduler: which day it scores, and that it waits without a slot."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from local.airflow import Airflow
from local.rest import Rest
from tests.e2e.test_nights import NEW_YORK, asked_job, ready, states, told_first, wait
from tests.home import Home, shop_rows

pytestmark = pytest.mark.airflow


def test_a_run_that_an_asset_begins_waits_without_a_slot_until_its_source_is_ready(
    nights_home: Home, airflow: Airflow, rest: Rest
) -> None:
    query = f"SELECT * FROM {nights_home.table(shop_rows(40))} ORDER BY entity_id"
    loads = nights_home.table(pd.DataFrame({"complete": [False]}))
    before = asked_job(nights_home, "before", query, "shop")
    section = f'[ready]\nquery = "loads.sql"\nwait_hours = 1\nassets = ["{before}"]'
    rest.call("POST", "/pools", {"name": "waiting", "slots": 1})
    settings = 'retries = 0\ndays_back = 1\npool = "waiting"'
    name = asked_job(nights_home, "waits", query, "shop", settings, f"min_rows = 1\n\n{section}")
    (nights_home.path / "sql" / "loads.sql").write_text(f"SELECT complete FROM {loads}")
    for job in (before, name):
        ready(airflow, rest, job)
    rest.wait(before, rest.trigger(before, None, {"score_date": "2024-09-01"}))
    wait(lambda: bool(rest.runs(name)), "a run that the asset begins", airflow)
    [run] = rest.runs(name)
    run_id = run["dag_run_id"]
    assert (run["run_type"], run["logical_date"]) == ("asset_triggered", None)
    wait(
        lambda: states(rest, name, run_id).get("ready") == {"up_for_reschedule"}, "a run that waits", airflow
    )
    # Airflow counts the slots of what is queued and runs.
    assert rest.call("GET", "/pools/waiting")["occupied_slots"] == 0
    began = datetime.fromisoformat(run["run_after"])
    day = began.astimezone(NEW_YORK).date() - timedelta(days=1)
    assert told_first(rest, name, run_id, "ready") == f"{name}: score date {day}"
    nights_home.sql(f"UPDATE {loads} SET complete = true", "warehouse_owner")
    assert rest.wait(name, run_id)["state"] == "success"
    [waited] = [task for task in rest.tasks(name, run_id) if task["task_id"] == "ready"]
    assert (waited["state"], waited["try_number"]) == ("success", 1)
    [published] = nights_home.sql(
        "SELECT run.score_date, metric.value FROM scoring.scoring_runs AS run JOIN scoring.run_metrics AS metric "
        "USING (run_id) WHERE job = :job AND status = 'published' AND metric = 'ready_seconds'",
        job=name,
    )
    assert published["score_date"] == day
    assert 10 < published["value"] < (datetime.now(UTC) - began).total_seconds()
