"""A held night under a real scheduler: it waits for a person, in Airflow or elsewhere, and no longer than it may."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest

from local.airflow import Airflow
from local.processes import LocalError
from local.rest import Json, Rest
from pipeline.runs.decisions import decide
from tests.e2e.test_nights import PATIENCE, asked_job, ready, states, wait
from tests.home import Home, shop_rows
from tests.sinks import Web, listening

pytestmark = pytest.mark.airflow

PATIENT = 'min_rows = 90\nrejected_fraction = "warn"'
HASTY = "min_rows = 1000\ndecide_within_hours = 0.002"
FOREIGN = 'min_rows = 1000\ndeciders = ["ada"]'
DOUBTED = "min_rows = 1000\nfour_eyes = true"


@dataclass(frozen=True)
class Waiting:
    """Jobs whose nights are held, and the DAG runs that wait."""

    home: Home
    rest: Rest
    patient: str
    hasty: str
    guarded: dict[str, str]
    runs: dict[date, str]
    inbox: Web

    def detail(self, day: date) -> Json:
        """What Airflow shows to the person who decides."""
        return dict(self.rest.call("GET", self._path(day)))

    def answer(self, day: date, option: str, **fields: str) -> None:
        """Decide as the form in the web UI does, and again where Airflow has lost the answer.

        It may lose one that comes in the moment of a pause; then the task asks again.
        """
        body = {"chosen_options": [option], "params_input": fields}
        deadline = time.monotonic() + PATIENCE
        while True:
            if not self.detail(day).get("response_received"):
                self.rest.call("PATCH", self._path(day), body)
            if states(self.rest, self.patient, self.runs[day])["decide"] <= {"success", "failed"}:
                return
            assert time.monotonic() < deadline, f"{day} is not decided: {self.detail(day)}"
            time.sleep(1)

    def run(self, day: date, job: str = "") -> Json:
        """The row of the last run of a night."""
        query = (
            "SELECT * FROM scoring.scoring_runs WHERE job = :job AND score_date = :day ORDER BY run_id DESC"
        )
        return self.home.sql(query, job=job or self.patient, day=day)[0]

    def seen(self, day: date) -> int:
        """How many rows of a night analysts see."""
        query = "SELECT count(*) FROM scoring.predictions WHERE job = :job AND score_date = :day"
        return int(self.home.sql(query, "analyst", job=self.patient, day=day)[0]["count"])

    def letters(self, title: str) -> list[Json]:
        """The messages that people got under a title, or one that begins so: several that wait go as one."""
        return [
            posted
            for posted in self.inbox.got
            if any(line.startswith(title) for line in (posted["title"], *posted["message"].splitlines()))
        ]

    def _path(self, day: date) -> str:
        return f"/dags/{self.patient}/dagRuns/{self.runs[day]}/taskInstances/decide/-1/hitlDetails"


HELD = APPROVED, REJECTED, ELSEWHERE = (date(2024, 8, 1), date(2024, 8, 2), date(2024, 8, 3))
HURRIED = date(2024, 8, 4)


@pytest.fixture(scope="module")
def inbox() -> Iterator[Web]:
    """Where messages arrive."""
    with listening(Web()) as server:
        yield server


@pytest.fixture(scope="module")
def waiting(nights_home: Home, airflow: Airflow, rest: Rest, inbox: Web) -> Waiting:
    """Nights that are held, all at once."""
    extra = json.dumps({"config": [{"path": inbox.url}]})
    rest.call("POST", "/connections", {"connection_id": "alerts", "conn_type": "apprise", "extra": extra})
    query = f"SELECT * FROM {nights_home.table(shop_rows(100))} ORDER BY entity_id"
    settings, alerts = "retries = 2\nmax_active_runs = 9", '[alerts]\nto = "alerts"'
    jobs = [
        asked_job(nights_home, "held", query, "shop", settings, f"{gate}\n\n{alerts}")
        for gate in (PATIENT, HASTY, FOREIGN, DOUBTED)
    ]
    for job in jobs:
        ready(airflow, rest, job)
    patient, hasty, *strict = jobs
    good = rest.trigger(patient, None, {"score_date": "2024-07-31"})
    assert rest.wait(patient, good)["state"] == "success"
    assert states(rest, patient, good)["decide"] == {"skipped"}
    path = nights_home.path / "sql" / f"{patient}.sql"
    path.write_text(query.replace("ORDER BY", "WHERE entity_id < 'customer-00080' ORDER BY"))
    runs = {day: rest.trigger(patient, None, {"score_date": str(day)}) for day in HELD}
    runs[HURRIED] = rest.trigger(hasty, None, {"score_date": str(HURRIED)})
    guarded = {job: rest.trigger(job, None, {"score_date": str(APPROVED)}) for job in strict}
    parked = {"awaiting_input"}
    wait(
        lambda: all(states(rest, patient, runs[day]).get("decide") == parked for day in HELD),
        "three held nights",
        airflow,
    )
    wait(
        lambda: all(states(rest, job, run).get("decide") == parked for job, run in guarded.items()),
        "two guarded nights",
        airflow,
    )
    return Waiting(nights_home, rest, patient, hasty, guarded, runs, inbox)


def test_a_held_night_is_approved_in_airflow(waiting: Waiting) -> None:
    detail, run = waiting.detail(APPROVED), waiting.run(APPROVED)
    assert detail["options"] == ["Approve", "Reject"]
    assert detail["subject"] == f"{waiting.patient} {APPROVED}: run {run['run_id']} is held. Publish it?"
    for told in (
        "- min_rows: 80 rows were scored, and gate.min_rows is 90",
        "of 2024-07-31, which is published",
        "- entities: 100 before, 80 after; 0 appeared, 20 vanished",
        "After 12 hours it is rejected",
    ):
        assert told in detail["body"]
    assert (run["status"], waiting.seen(APPROVED)) == ("held", 0)
    waiting.answer(APPROVED, "Approve", reason="a quiet day")
    assert waiting.rest.wait(waiting.patient, waiting.runs[APPROVED])["state"] == "success"
    run = waiting.run(APPROVED)
    assert (run["status"], run["decided_by"], run["decision_reason"]) == ("published", "admin", "a quiet day")
    assert (run["decided_as"], run["triggered_by"]) == ("approver", "admin")
    assert waiting.seen(APPROVED) == 80
    ended = states(waiting.rest, waiting.patient, waiting.runs[APPROVED])
    assert (ended["publish"], ended["decide"]) == ({"skipped"}, {"success"})
    # At least one: where Airflow lost an answer, the next try of `decide` tells of it once more.
    events = waiting.rest.asset_events(source_dag_id=waiting.patient, source_run_id=waiting.runs[APPROVED])
    assert {event["extra"]["run_id"] for event in events} == {run["run_id"]}


def test_people_are_told_once_of_each_held_night(waiting: Waiting, airflow: Airflow) -> None:
    titles = {day: f"{waiting.patient} {day}: held, and waits for a decision" for day in HELD}
    # Whichever task is at the outbox sends what the others put there, as one message.
    wait(lambda: all(waiting.letters(titles[day]) for day in HELD), "a message of each night", airflow)
    assert {day: len(waiting.letters(titles[day])) for day in HELD} == dict.fromkeys(HELD, 1)
    body = waiting.letters(titles[APPROVED])[0]["message"]
    assert "- min_rows: 80 rows were scored, and gate.min_rows is 90" in body
    run = quote(waiting.runs[APPROVED])
    assert f"/dags/{waiting.patient}/runs/{run}/tasks/decide/required_actions" in body
    assert f"/scoring/dags/{waiting.patient}/runs/{run}\n" in body


def test_a_held_night_is_rejected_in_airflow(waiting: Waiting) -> None:
    waiting.answer(REJECTED, "Reject", reason="half the shops are missing")
    assert waiting.rest.wait(waiting.patient, waiting.runs[REJECTED])["state"] == "failed"
    run = waiting.run(REJECTED)
    decision = (run["status"], run["decided_by"], run["decision_reason"])
    assert decision == ("abandoned", "admin", "half the shops are missing")
    assert waiting.seen(REJECTED) == 0
    [task] = [
        task
        for task in waiting.rest.tasks(waiting.patient, waiting.runs[REJECTED])
        if task["task_id"] == "decide"
    ]
    assert task["state"] == "failed"
    # Airflow may lose an answer that comes in the moment of a pause, or a task that has rejected already: either costs
    # a try. The rejection ends the last one.
    log = waiting.rest.log(waiting.patient, waiting.runs[REJECTED], "decide", task["try_number"])
    assert "was rejected by admin: half the shops are missing" in "\n".join(log)


def test_a_decision_on_the_command_line_is_noticed(waiting: Waiting) -> None:
    uri, run_id = waiting.home.approver, waiting.run(ELSEWHERE)["run_id"]
    decide(uri, run_id, approve=True, by="ana", reason="the shops were closed")
    assert waiting.seen(ELSEWHERE) == 80
    assert waiting.rest.wait(waiting.patient, waiting.runs[ELSEWHERE])["state"] == "success"
    run = waiting.run(ELSEWHERE)
    assert (run["decided_by"], run["decision_reason"]) == ("ana", "the shops were closed")


def test_airflow_refuses_who_is_no_decider_and_the_task_whoever_triggered_the_run(
    waiting: Waiting, airflow: Airflow
) -> None:
    (foreign, its_run), (doubted, another) = waiting.guarded.items()
    path = "/dags/{}/dagRuns/{}/taskInstances/decide/-1/hitlDetails"
    body = {"chosen_options": ["Approve"], "params_input": {"reason": "mine"}}
    with pytest.raises(LocalError, match="HTTP 403: .*is not a respondent"):
        waiting.rest.call("PATCH", path.format(foreign, its_run), body)
    asked, title = path.format(doubted, another), f"{doubted} {APPROVED}: an answer does not count"

    def answered() -> bool:
        return bool(waiting.rest.call("GET", asked)["response_received"])

    def refused() -> bool:
        if not answered():  # yet, or any more: Airflow may lose an answer that comes in the moment of a pause
            waiting.rest.call("PATCH", asked, body)
        return bool(waiting.letters(title))

    wait(refused, "a message", airflow)
    parked = {"awaiting_input"}
    wait(
        lambda: states(waiting.rest, doubted, another)["decide"] == parked and not answered(), "more", airflow
    )
    assert {waiting.run(APPROVED, job)["status"] for job in (foreign, doubted)} == {"held"}


def test_nobody_decides_in_time(waiting: Waiting) -> None:
    assert waiting.rest.wait(waiting.hasty, waiting.runs[HURRIED])["state"] == "failed"
    run = waiting.run(HURRIED, waiting.hasty)
    assert (run["status"], run["decided_by"]) == ("abandoned", "gate.on_timeout")
    assert run["decision_reason"] == "nobody decided within 0.002 hours"


def test_a_backfill_does_not_wait(waiting: Waiting, airflow: Airflow) -> None:
    first, last = datetime(2024, 9, 1, tzinfo=UTC), datetime(2024, 9, 2, 23, tzinfo=UTC)
    waiting.rest.backfill(waiting.patient, first, last, reprocess_behavior="completed", max_active_runs=1)

    def failed() -> list[Json]:
        runs = waiting.rest.runs(waiting.patient, state="failed")
        return [run for run in runs if run["run_type"] == "backfill"]

    wait(lambda: len(failed()) == 2, "two nights", airflow)
    assert waiting.run(date(2024, 9, 1))["status"] == "held"
    title = f"{waiting.patient} 2024-09-0"
    wait(lambda: bool(waiting.letters(title)), "a message", airflow)
    assert len(waiting.letters(title)) == 1
