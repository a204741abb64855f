"""Under a real scheduler: what a model sees that looks around, and who says that it failed."""

import json
from typing import Any

import pytest

from local.airflow import Airflow
from local.rest import Rest
from tests.e2e.curious import Broken, Curious
from tests.e2e.test_nights import asked_job, ready, states
from tests.home import NIGHT, Home, shop_model, shop_rows

pytestmark = pytest.mark.airflow


def job_of(home: Home, model: Any, word: str) -> str:
    """A job whose nights a model scores that is made for it."""
    _, reference = shop_model()
    features = reference[["amount", "visits", "channel", "member"]]
    home.model(word, model.fit(features, reference["bought"]), reference, outcome="bought")
    query = f"SELECT * FROM {home.table(shop_rows(40))} ORDER BY entity_id"
    return asked_job(home, word, query, word, gate='min_rows = 1\nconstant_score = "warn"')


def logs(rest: Rest, name: str, run_id: str) -> str:
    """The logs of a run's failed tasks."""
    failed = [task for task in rest.tasks(name, run_id) if task["state"] == "failed"]
    lines = [rest.log(name, run_id, task["task_id"], map_index=task["map_index"]) for task in failed]
    return "\n".join(line for log in lines for line in log)


def printed(rest: Rest, name: str, run_id: str, task: dict[str, Any]) -> list[str]:
    """What the model of a task has printed, by the task's log."""
    log = rest.log(name, run_id, task["task_id"], map_index=task["map_index"])
    return [line[line.index("curious ") :] for line in log if "printed: curious " in line]


def test_a_model_sees_no_credential_and_is_given_none(
    nights_home: Home, airflow: Airflow, rest: Rest
) -> None:
    name = job_of(nights_home, Curious(), "curious")
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": str(NIGHT)})
    assert rest.wait(name, run_id)["state"] == "success", logs(rest, name, run_id)
    # load_model and predict, each of which opens the model; extract opens none.
    asked = [task for task in rest.tasks(name, run_id) if task["task_id"] in ("load_model", "predict")]
    lines = [line for task in asked for line in printed(rest, name, run_id, task)]
    assert [line.partition("is given ")[2] for line in lines if "is given" in line] == ["[]"] * len(asked)
    secrets = json.loads((airflow.place.airflow / "secrets.json").read_text())
    hidden = [*secrets.values(), "AIRFLOW", "SCORING_", "postgresql://", "psycopg2:"]
    assert len(asked) == 2
    assert any("curious sees PATH=" in line for line in lines)
    assert [text for text in hidden if text in "\n".join(lines)] == []


def test_a_model_that_fails_is_noted_in_the_runs_row(nights_home: Home, airflow: Airflow, rest: Rest) -> None:
    name = job_of(nights_home, Broken(), "broken_model")
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": str(NIGHT)})
    assert rest.wait(name, run_id)["state"] == "failed"
    ended = states(rest, name, run_id)
    assert (ended["predict"], ended["note_failure"]) == ({"failed"}, {"success"}), logs(rest, name, run_id)
    run = nights_home.last_run(name)
    assert run["status"] == "failed"
    assert run["status_reason"].startswith("PredictError: model broken_model version 1 failed on rows")
