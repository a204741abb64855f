"""The sample's model trained again under a real scheduler: a candidate, which the next run meets as its challenger."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from local.airflow import Airflow
from local.rest import Rest
from pipeline.candidates import ledger
from pipeline.model.files import sha256
from tests.e2e.test_nights import ROOT, ready, states, wait
from tests.home import Home

pytestmark = pytest.mark.airflow

LAST, NEXT = date(2013, 6, 30), date(2013, 7, 1)
# Four score dates of a thousand flights each, and the sample's own function.
SECTIONS = """window_days = 4
folds = 2
on_alarm = true

[challenger]
"""


@pytest.fixture(scope="module")
def flights(nights_home: Home, sample_warehouse: str) -> str:
    """The sample's job, of a few dates, whose only runs are those that a test asks for."""
    for folder in ("models/flight_delay", "sql/flight_delay"):
        shutil.copytree(ROOT / folder, nights_home.path / folder, dirs_exist_ok=True)
    name, text = nights_home.name("flights"), (ROOT / "dags" / "flight_delay.toml").read_text()
    before, window, _ = text.partition("window_days = ")
    assert window
    before = before.replace("start_date = 2013-01-01", "start_date = 2013-01-01\nend_date = 2013-12-31")
    (nights_home.path / "dags" / f"{name}.toml").write_text(before + SECTIONS)
    return name


def test_a_candidate_is_trained_and_meets_the_champion_in_the_next_run(
    nights_home: Home, airflow: Airflow, rest: Rest, flights: str
) -> None:
    training = f"{flights}-training"
    ready(airflow, rest, flights)
    (airflow.place.dags / "training.py").touch()  # read again now, not in its turn
    wait(lambda: rest.dag(training) is not None, f"DAG {training}: {rest.import_errors()}", airflow)
    rest.unpause(training)
    trained = rest.trigger(training, None, {"score_date": str(LAST)})
    assert rest.wait(training, trained)["state"] == "success"
    assert states(rest, training, trained) == {
        "extract_training": {"success"},
        "train": {"success"},
        "register_candidate": {"success"},
        "note_training": {"skipped"},
    }
    [candidate] = ledger.listed(nights_home.workspace.predictions, flights)
    assert (candidate.trained_by, candidate.training_end, candidate.adopted_as) == (trained, LAST, None)
    log = "\n".join(rest.log(training, trained, "register_candidate"))
    assert f"to review it as a version: scoring adopt {flights} {candidate.number}" in log
    store = Path(nights_home.store)
    for file in candidate.files.values():
        stored = store / "_candidates" / "sha256" / file.sha256[:2] / file.sha256
        assert sha256(stored.read_bytes()) == file.sha256
    assert not [path for path in (store / "_training").rglob("*") if path.is_file()]

    run = rest.trigger(flights, None, {"score_date": str(NEXT)})
    assert rest.wait(flights, run)["state"] == "success"
    ended = states(rest, flights, run)
    tasks = ("publish", "begin_challenge", "challenge", "end_challenge")
    assert {task: ended[task] for task in tasks} == {task: {"success"} for task in tasks}
    [challenge] = nights_home.sql(
        "SELECT done.status, done.model_version, done.model_sha256, run.model_version AS champion, run.status AS run "
        "FROM scoring.challenges AS done JOIN scoring.scoring_runs AS run USING (run_id) WHERE run.job = :job",
        job=flights,
    )
    assert challenge == {
        "status": "scored",
        "model_version": -candidate.number,
        "model_sha256": candidate.files[candidate.numbered.artefact].sha256,
        "champion": 2,
        "run": "published",
    }
