"""Nights under a real scheduler: jobs without Python, every way of naming a date, faults as people see them."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from local.airflow import Airflow
from local.rest import Json, Rest
from tests.home import JOB, NIGHT, Home, shop_rows

pytestmark = pytest.mark.airflow

ROOT = Path(__file__).resolve().parents[2]
NEW_YORK = ZoneInfo("America/New_York")
# Beside two other whole suites on two processors the last of six held nights took 260 s, and the last job 310 s.
PATIENCE = 900
TASKS = ("extract", "load_model", "predict", "write", "log_metrics", "publish")


@pytest.fixture(scope="module")
def flights(nights_home: Home, sample_warehouse: str) -> str:
    """The shipped sample job in the scheduler's home."""
    for folder in ("models/flight_delay", "sql/flight_delay"):
        shutil.copytree(ROOT / folder, nights_home.path / folder, dirs_exist_ok=True)
    shutil.copy(ROOT / "dags" / "flight_delay.toml", nights_home.path / "dags")
    return "flight_delay"


@pytest.fixture(scope="module")
def shop(nights_home: Home) -> str:
    """A small binary job, in one part; its rows do not depend on the date."""
    return nights_home.job(f"SELECT * FROM {nights_home.table(shop_rows(40))} ORDER BY entity_id", "shop")


def asked_job(
    home: Home, word: str, query: str, model: str, settings: str = "retries = 0", gate: str = "min_rows = 1"
) -> str:
    """A job in few parts whose only nights are those that a test asks for: its schedule has ended."""
    name = home.name(word)
    text = JOB.format(name=name, model=model, extract="", gate=gate)
    text = text.replace("retries = 0", f"end_date = 2024-12-31\n{settings}")
    (home.path / "sql" / f"{name}.sql").write_text(query)
    # At once as it is meant: the scheduler looks.
    (home.path / "dags" / f"{name}.toml").write_text(
        text.replace("rows_per_part = 40", "rows_per_part = 150")
    )
    return name


def ready(airflow: Airflow, rest: Rest, name: str) -> None:
    """Wait until the scheduler knows a job's DAG, and let it run."""
    if rest.dag(name) is None:
        (airflow.place.dags / "scoring.py").touch()  # read again now, not in its turn
        wait(lambda: rest.dag(name) is not None, f"DAG {name}: {rest.import_errors()}", airflow)
    rest.unpause(name)


def wait(done: Callable[[], bool], what: str, airflow: Airflow, seconds: float = PATIENCE) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + seconds
    while not done():
        airflow.check()
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(1)  # a look costs Airflow what the tasks need


def states(rest: Rest, dag_id: str, run_id: str) -> dict[str, set[str]]:
    """Task -> the states of its copies."""
    sources: dict[str, set[str]] = {}
    for task in rest.tasks(dag_id, run_id):
        sources.setdefault(task["task_id"], set()).add(task["state"])
    return sources


def told_first(rest: Rest, dag_id: str, run_id: str, task: str, map_index: int = -1) -> str:
    """The first line of a task's log after Airflow has read the DAG."""
    lines = rest.log(dag_id, run_id, task, map_index=map_index)
    return lines[lines.index("Worker startup parse complete") + 1]


def test_real_nights_as_a_backfill(nights_home: Home, airflow: Airflow, rest: Rest, flights: str) -> None:
    ready(airflow, rest, flights)
    first, last = datetime(2013, 7, 1, tzinfo=NEW_YORK), datetime(2013, 7, 2, 23, tzinfo=NEW_YORK)
    rest.backfill(flights, first, last, reprocess_behavior="completed", max_active_runs=2)
    nights = [date(2013, 7, 1), date(2013, 7, 2)]

    def scored() -> list[Json]:
        # Beside the backfill the scheduler runs today's night, for which the sample has no flights.
        return [run for run in rest.runs(flights, state="success") if run["run_type"] == "backfill"]

    wait(lambda: len(scored()) == 2, "two nights", airflow)
    for run, night in zip(scored(), nights, strict=True):
        ended = {task: {"success"} for task in TASKS}
        ended |= {"note_failure": {"skipped"}, "decide": {"skipped"}}
        assert states(rest, flights, run["dag_run_id"]) == ended
        for task in TASKS:
            copy = 0 if task in ("predict", "write") else -1
            reason = told_first(rest, flights, run["dag_run_id"], task, copy)
            assert reason == f"flight_delay: score date {night}"
    seen = nights_home.sql(
        "SELECT score_date, count(*) AS rows, count(DISTINCT entity_id) AS entities, "
        "min(score) AS low, max(score) AS high "
        "FROM scoring.predictions WHERE job = 'flight_delay' AND score_date BETWEEN '2013-07-01' AND '2013-07-02' "
        "GROUP BY score_date ORDER BY score_date",
        "analyst",
    )
    scheduled = nights_home.sql(
        "SELECT flight_date AS score_date, count(*) AS rows FROM warehouse.flights "
        "WHERE flight_date BETWEEN '2013-07-01' AND '2013-07-02' GROUP BY 1 ORDER BY 1",
        "warehouse_owner",
    )
    assert [(row["score_date"], row["rows"]) for row in seen] == [
        (row["score_date"], row["rows"]) for row in scheduled
    ]
    assert all(row["rows"] == row["entities"] and 0 <= row["low"] < row["high"] <= 1 for row in seen)


@pytest.fixture(scope="module")
def started(airflow: Airflow, rest: Rest, shop: str) -> dict[str, date]:
    """A run of the shop for every way of starting one, each with the day that is meant; all have ended well."""
    ready(airflow, rest, shop)
    runs = {
        rest.trigger(shop, None, {"score_date": "2024-02-29"}): date(2024, 2, 29),
        # As the web form sends it, with its logical date of now.
        rest.trigger(shop, datetime.now(UTC), {"score_date": "2024-01-05"}): date(2024, 1, 5),
        # 02:00 UTC is still the evening before in New York, the job's time zone.
        rest.trigger(shop, datetime(2024, 3, 10, 2, tzinfo=UTC)): date(2024, 3, 9),
    }
    now = rest.trigger(shop)
    # The day of that moment, which is another one after midnight.
    runs[now] = datetime.fromisoformat(rest.run(shop, now)["run_after"]).astimezone(NEW_YORK).date()
    assert {rest.wait(shop, run_id)["state"] for run_id in runs} == {"success"}
    return runs


def test_every_way_of_starting_a_run_scores_the_day_that_is_meant(
    nights_home: Home, rest: Rest, shop: str, started: dict[str, date]
) -> None:
    for run_id, day in started.items():
        assert told_first(rest, shop, run_id, "extract") == f"{shop}: score date {day}"
    # Beside them the scheduler runs the last night that was due, whichever that is at this hour.
    runs = nights_home.sql(
        "SELECT trigger, score_date, status FROM scoring.scoring_runs WHERE job = :job", job=shop
    )
    scored = {run["trigger"]: run["score_date"] for run in runs if run["trigger"] in started}
    assert scored == started
    assert set(nights_home.predictions(shop)["score_date"]) >= set(started.values())


def test_a_scheduled_night_scores_the_day_on_which_it_is_due(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    name = nights_home.job(
        (nights_home.path / "sql" / f"{shop}.sql").read_text(), "shop", name=nights_home.name("every")
    )
    path = nights_home.path / "dags" / f"{name}.toml"
    yesterday = datetime.now(NEW_YORK).date() - pd.Timedelta(days=1).to_pytimedelta()
    text = path.read_text().replace(
        "start_date = 2024-01-01",
        f"start_date = {yesterday}\ncatchup = true\ndays_back = 1",
    )
    path.write_text(text)
    ready(airflow, rest, name)
    wait(lambda: bool(rest.runs(name, state="success")), "a scheduled run", airflow)
    run = rest.runs(name, state="success")[0]
    due = datetime.fromisoformat(run["logical_date"]).astimezone(NEW_YORK)
    assert run["run_type"] == "scheduled"
    assert (due.date(), due.hour) == (yesterday, 2)
    assert rest.xcom(name, run["dag_run_id"], "extract")["score_date"] == str(
        yesterday - pd.Timedelta(days=1).to_pytimedelta()
    )


def test_days_are_caught_up_over_a_short_one_and_a_bad_night(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    days = [date(2024, 3, day) for day in range(9, 13)]
    hours = pd.date_range("2024-03-09", "2024-03-13", freq="h", inclusive="left", tz="America/New_York")
    readings = shop_rows(len(hours)).assign(at=hours.tz_convert("UTC"), entity_id=hours.strftime("%d %H %z"))
    # Somebody loaded an hour of the 11th twice.
    table = nights_home.table(pd.concat([readings, readings[readings["entity_id"] == "11 05 -0400"]]))
    name = nights_home.job(
        f"SELECT * FROM {table} WHERE at >= :interval_start AND at < :interval_end ORDER BY entity_id",
        "shop",
        name=nights_home.name("days"),
    )
    path = nights_home.path / "dags" / f"{name}.toml"
    span = f"start_date = {days[0]}\nend_date = {days[-1]}\ncatchup = true\nmax_active_runs = 3"
    path.write_text(path.read_text().replace("start_date = 2024-01-01", span))

    def published() -> dict[date, int]:
        seen = nights_home.predictions(name)
        return dict(seen.groupby("score_date").size()) if len(seen) else {}

    ready(airflow, rest, name)

    def ended() -> int:
        return sum(run["state"] in ("success", "failed") for run in rest.runs(name))

    wait(lambda: ended() == len(days), "four nights", airflow)
    # On the 10th the clocks go forward: a day of 23 hours.
    hourly = {day: 23 if day.day == 10 else 24 for day in days}
    assert published() == {day: rows for day, rows in hourly.items() if day.day != 11}
    [bad] = rest.runs(name, state="failed")
    assert {task for task, found in states(rest, name, bad["dag_run_id"]).items() if found == {"failed"}} == {
        "publish"
    }
    assert "entity 11 05 -0400: 2 rows" in "\n".join(rest.log(name, bad["dag_run_id"], "publish"))

    # What its error says: correct the warehouse, and clear the task `extract`.
    nights_home.sql(
        f"DELETE FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table} WHERE entity_id = '11 05 -0400')",
        "warehouse_owner",
    )
    clear = {"dry_run": False, "dag_run_id": bad["dag_run_id"], "task_ids": ["extract"],
             "include_downstream": True, "only_failed": False}  # fmt: skip
    rest.call("POST", f"/dags/{name}/clearTaskInstances", clear)
    wait(lambda: rest.run(name, bad["dag_run_id"])["state"] == "success", "the bad night", airflow)
    assert published() == hourly


def test_a_night_that_fails_is_served_by_its_fallback_and_stays_red(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    query = (nights_home.path / "sql" / f"{shop}.sql").read_text()
    name = asked_job(nights_home, "falls", query, "shop", 'retries = 0\nfallback = "last_published"')
    ready(airflow, rest, name)
    good = rest.trigger(name, None, {"score_date": "2024-08-01"})
    assert rest.wait(name, good)["state"] == "success"
    assert states(rest, name, good)["fallback"] == {"skipped"}
    (nights_home.path / "sql" / f"{name}.sql").write_text("SELECT nothing FROM nowhere")
    bad = rest.trigger(name, None, {"score_date": "2024-08-02"})
    assert rest.wait(name, bad)["state"] == "failed"
    seen = nights_home.predictions(name)
    served = seen[seen["score_date"] == date(2024, 8, 2)]
    assert (len(served), set(served["served_by"]), set(served["staleness_days"])) == (
        40,
        {"last_published"},
        {1},
    )
    assert "the scores of 2024-08-01 again (1 day old)" in "\n".join(rest.log(name, bad, "fallback"))


def test_publishing_tells_other_dags_what_was_published(
    rest: Rest, shop: str, started: dict[str, date]
) -> None:
    run_id, day = next(iter(started.items()))
    events = rest.asset_events(source_dag_id=shop, source_run_id=run_id)
    extra = {key: events[0]["extra"][key] for key in ("job", "score_date", "model_version", "rows_scored")}
    assert len(events) == 1
    assert extra == {"job": shop, "score_date": str(day), "model_version": 1, "rows_scored": 40}


def test_a_dry_run_and_a_repeated_run_publish_nothing(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    ready(airflow, rest, shop)
    dry = rest.trigger(shop, None, {"score_date": "2024-06-01", "dry_run": True})
    assert rest.wait(shop, dry)["state"] == "success"
    assert states(rest, shop, dry)["write"] == {"success"}
    assert states(rest, shop, dry)["publish"] == {"skipped"}
    assert date(2024, 6, 1) not in set(nights_home.predictions(shop).get("score_date", ()))
    first, second = (rest.trigger(shop, None, {"score_date": "2024-06-02"}) for _ in range(2))
    assert rest.wait(shop, first)["state"] == rest.wait(shop, second)["state"] == "success"
    runs = nights_home.sql(
        "SELECT status FROM scoring.scoring_runs WHERE job = :job AND score_date = '2024-06-02' ORDER BY status",
        job=shop,
    )
    assert [run["status"] for run in runs] == ["abandoned", "published"]
    assert not rest.asset_events(source_dag_id=shop, source_run_id=dry)


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        ({"score_date": "tomorrow"}, "Invalid input for param score_date"),
        ({"model_version": 0}, "Invalid input for param model_version"),
        ({"model_version": 2**31}, "Invalid input for param model_version"),
        # Airflow would keep these; no task could be told of them, and then the DAG processor ended.
        ({"model_version": 1e20}, "the number 1e.20 lies beyond 64 bits"),
        ({"other": [{"key": 10**20}]}, "the number 1000.* lies beyond 64 bits"),
    ],
)
def test_a_wrong_param_is_refused_before_anything_runs(
    airflow: Airflow, rest: Rest, shop: str, conf: dict[str, Any], complaint: str
) -> None:
    ready(airflow, rest, shop)
    with pytest.raises(Exception, match=f"HTTP 400.*{complaint}"):
        rest.trigger(shop, None, conf)


def test_bad_input_fails_at_once_and_says_why(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    query = "SELECT entity_id, visits, channel FROM nowhere"
    name = asked_job(nights_home, "bad", query, "shop", "retries = 5")
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": "2024-07-01"})
    assert rest.wait(name, run_id)["state"] == "failed"
    failed = next(task for task in rest.tasks(name, run_id) if task["task_id"] == "extract")
    assert (failed["state"], failed["try_number"]) == ("failed", 1)
    assert states(rest, name, run_id)["note_failure"] == {"skipped"}  # the task itself has noted it
    log = "\n".join(rest.log(name, run_id, "extract"))
    assert f'{name}.sql: the database refused the query: relation "nowhere" does not exist' in log
    assert f"{name}: score date 2024-07-01: task extract failed" in log


def test_a_broken_job_file_shows_its_error_and_the_others_go_on(
    nights_home: Home, airflow: Airflow, rest: Rest, shop: str
) -> None:
    ready(airflow, rest, shop)
    name = nights_home.job("SELECT 1", "shop", name=nights_home.name("broken"))
    path = nights_home.path / "dags" / f"{name}.toml"
    path.write_text(path.read_text().replace("owner =", "ownr ="))
    complaint = f"{name}.toml: key 'ownr' is unknown. Did you mean 'owner'?"
    (airflow.place.dags / "scoring.py").touch()
    wait(lambda: complaint in rest.import_errors().get(f"{name}.toml", ""), complaint, airflow)
    assert set(rest.import_errors()) <= {f"{name}.toml"}
    assert rest.wait(shop, rest.trigger(shop, None, {"score_date": "2024-07-02"}))["state"] == "success"
    path.unlink()


def wine() -> tuple[pd.DataFrame, Any]:
    """A multiclass model: who made this wine? With a text category."""
    data = load_wine(as_frame=True)
    rows = data.data.rename(columns={"od280/od315_of_diluted_wines": "od280"})
    rows["strength"] = np.where(rows["alcohol"] > 13, "strong", "light")
    columns = make_column_transformer((OneHotEncoder(), ["strength"]), remainder="passthrough")
    model = make_pipeline(columns, RandomForestClassifier(20, random_state=0))
    return rows, model.fit(rows, data.target_names[data.target])


def test_a_second_job_needs_no_python(nights_home: Home, airflow: Airflow, rest: Rest) -> None:
    rows, model = wine()
    nights_home.model("wine", model, rows)
    table = nights_home.table(rows.assign(clinic="north", number=range(len(rows))))
    columns = ", ".join(f'"{name}"' for name in rows.columns)
    query = (
        f"SELECT clinic || '-' || lpad(number::text, 5, '0') AS entity_id, {columns} FROM {table} ORDER BY 1"
    )
    name = asked_job(nights_home, "wine", query, "wine")
    ready(airflow, rest, name)
    assert rest.wait(name, rest.trigger(name, None, {"score_date": str(NIGHT)}))["state"] == "success"
    seen = nights_home.predictions(name).query("score_date == @NIGHT").reset_index(drop=True)
    assert list(seen["entity_id"]) == [f"north-{number:05d}" for number in range(len(rows))]
    probabilities = model.predict_proba(rows)
    np.testing.assert_array_equal(np.array(seen["class_scores"].tolist()), probabilities)
    np.testing.assert_array_equal(seen["label"], model.classes_[probabilities.argmax(axis=1)])
