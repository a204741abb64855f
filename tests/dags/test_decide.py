"""orchestration/decide.py: who is asked about a held run, whose answer counts, and what becomes of it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload, SkipDownstreamTasks

from pipeline.runs.decisions import decide
from tests.dags.conftest import Supervisor
from tests.dags.test_publish import context, dag, publish, shop
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["shop", "web"]

SILENCE = {"error": "timeout"}


@dataclass(frozen=True)
class Waiting:
    """A night whose task `decide` waits."""

    shop: Shop
    supervisor: Supervisor
    run_id: int
    said: dict[str, Any]

    def task(self) -> Any:
        """The task, as it is made anew each time that it goes on."""
        return dag(self.shop).task_dict["decide"]

    def goes_on(self, event: dict[str, Any], left: timedelta, late: bool = False) -> dict[str, Any]:
        """What the task does with an event, so long before its time is up."""
        until = (datetime.now(UTC) + left).isoformat()
        return dict(self.task().decided(self.said, event, self.run_id, until, late))

    def waits_on(self, event: dict[str, Any], left: timedelta, late: bool = False) -> TaskAwaitingInput:
        """How the task goes on waiting after an event; late where it has reminded people."""
        with pytest.raises(TaskAwaitingInput) as parked:
            self.goes_on(event, left, late)
        return parked.value

    def assigned(self) -> list[str]:
        """Whom Airflow lets answer."""
        return [user.id for user in self.asked()[0].assigned_users or ()]

    def asked(self) -> list[CreateHITLDetailPayload]:
        """What was asked so far."""
        return [msg for msg in self.supervisor.got if isinstance(msg, CreateHITLDetailPayload)]


def hold(shop: Shop, supervisor: Supervisor, gate: str = "", **changed: Any) -> Waiting:
    """A night that is held, and asked about."""
    shop.configure("min_rows = 1", f"min_rows = 1000\n{gate}")
    task_context = context(run_id=shop.home.name("dag_run"), **changed)
    task_context["ti"].id = "018f2c3e-0000-7000-8000-000000000000"
    run = shop.extract(
        trigger=task_context["dag_run"].run_id, triggered_by=task_context["dag_run"].triggering_user_name
    )
    with pytest.raises(AirflowSkipException, match="is held"):
        publish(shop, run).execute(task_context)
    waiting = Waiting(shop, supervisor, run.run_id, task_context)
    with pytest.raises(TaskAwaitingInput):
        waiting.task().execute(task_context)
    return waiting


def reminded(parked: TaskAwaitingInput) -> bool:
    """Whether a task that waits has reminded people."""
    return bool((parked.kwargs or {})["reminded"])


def answer(option: str, name: str, reason: str = "a quiet day") -> dict[str, Any]:
    """An answer as Airflow hands it over."""
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_by_user": {"id": name, "name": name},
        "timedout": False,
    }


def test_a_good_night_asks_nobody(shop: Shop, supervisor: Supervisor) -> None:
    publish(shop).execute(context())
    assert supervisor.got == [SkipDownstreamTasks(tasks=["decide"])]


def test_a_held_night_is_described_from_the_database(shop: Shop, supervisor: Supervisor) -> None:
    waiting = hold(shop, supervisor)
    [question] = supervisor.got
    assert question.options == ["Approve", "Reject"]
    assert question.subject == f"{shop.job} 2024-03-01: run {waiting.run_id} is held. Publish it?"
    assert "- min_rows: 100 rows were scored, and gate.min_rows is 1000" in question.body
    assert "100 rows extracted, 0 rejected, 100 scored by shop version 1" in question.body
    assert question.assigned_users == []


@pytest.mark.parametrize(
    ("option", "status", "reason", "kept"),
    [
        ("Approve", "published", "a quiet day", "a quiet day"),
        ("Approve", "published", "...", "no reason given"),
        ("Reject", "abandoned", "a quiet day", "a quiet day"),
    ],
)
def test_a_decision_is_kept_with_who_took_it_and_with_which_login(
    shop: Shop, supervisor: Supervisor, option: str, status: str, reason: str, kept: str
) -> None:
    waiting = hold(shop, supervisor)
    event = answer(option, "ana", reason)
    if option == "Approve":
        assert waiting.goes_on(event, timedelta(hours=11))["run_id"] == waiting.run_id
    else:
        with pytest.raises(AirflowFailException, match=f"was rejected by ana: {kept}"):
            waiting.goes_on(event, timedelta(hours=11))
    [run] = shop.runs()
    assert (run["status"], run["decided_by"], run["decided_as"]) == (status, "ana", "approver")
    assert (run["decision_reason"], run["triggered_as"]) == (kept, "scoring_pipeline")


def test_whoever_is_no_decider_is_asked_in_vain(shop: Shop, supervisor: Supervisor, web: Web) -> None:
    waiting = hold(shop, supervisor, 'deciders = ["ana", "bob"]')
    assert waiting.assigned() == ["ana", "bob"]
    waiting.waits_on(answer("Approve", "eve"), timedelta(hours=11))
    assert shop.status(waiting.run_id) == "held"
    assert len(waiting.asked()) == 2  # which takes the answer back
    assert f"eve may not decide on {shop.job}" in web.got[-1]["message"]
    assert web.got[-1]["title"] == f"{shop.job} 2024-03-01: an answer does not count"
    waiting.goes_on(answer("Approve", "bob"), timedelta(hours=11))
    assert shop.status(waiting.run_id) == "published"


def test_whoever_triggered_the_run_needs_a_second_person(
    shop: Shop, supervisor: Supervisor, web: Web
) -> None:
    waiting = hold(
        shop, supervisor, 'deciders = ["ana", "bob"]\nfour_eyes = true', triggering_user_name="ana"
    )
    assert waiting.assigned() == ["bob"]
    waiting.waits_on(answer("Approve", "ana"), timedelta(hours=11))
    assert shop.status(waiting.run_id) == "held"
    assert "ana triggered the run, and" in web.got[-1]["message"]
    waiting.goes_on(answer("Approve", "bob"), timedelta(hours=11))
    [run] = shop.runs()
    assert (run["status"], run["triggered_by"], run["decided_by"]) == ("published", "ana", "bob")


def test_a_message_that_could_not_be_sent_is_sent_at_the_next_look(
    shop: Shop, supervisor: Supervisor, web: Web
) -> None:
    web.status = 503
    waiting = hold(shop, supervisor)
    web.status = 200
    waiting.waits_on(SILENCE, timedelta(hours=11))
    assert [posted["title"] for posted in web.got] == [
        f"{shop.job} 2024-03-01: held, and waits for a decision"
    ]
    waiting.waits_on(SILENCE, timedelta(hours=10))
    assert len(web.got) == 1


def test_people_are_reminded_once_before_the_time_is_up(shop: Shop, supervisor: Supervisor, web: Web) -> None:
    waiting = hold(shop, supervisor)
    assert not reminded(waiting.waits_on(SILENCE, timedelta(hours=4)))
    assert ["reminder" in posted["message"] for posted in web.got] == [False]
    assert reminded(waiting.waits_on(SILENCE, timedelta(hours=3)))
    assert web.got[-1]["title"] == f"{shop.job} 2024-03-01: still waits for a decision"
    assert "UTC it is rejected.\n\n$ scoring approve " in web.got[-1]["message"]
    assert "\nApprove or reject it before: http" in web.got[-1]["message"]
    waiting.waits_on(SILENCE, timedelta(hours=1), late=True)
    waiting.waits_on(SILENCE, timedelta(hours=1))  # a retry, which has forgotten
    assert len(web.got) == 2


def test_the_task_looks_ever_more_rarely_and_is_awake_for_the_reminder(
    shop: Shop, supervisor: Supervisor
) -> None:
    waiting = hold(shop, supervisor)
    pauses = []
    for hours, late in ((12, False), (8, False), (3.1, False), (0.01, True)):
        parked = waiting.waits_on(SILENCE, timedelta(hours=hours), late)
        pauses.append(parked.timeout.total_seconds())
    assert round(pauses[0]) == 15  # asked just now
    assert 1440 <= pauses[1] <= 1441  # a tenth of the four hours that have passed
    assert 350 <= pauses[2] <= 360  # what is left until people are reminded
    assert pauses[3] <= 36  # what is left


@pytest.mark.parametrize(("on_timeout", "status"), [("approve", "published"), ("reject", "abandoned")])
def test_in_the_end_the_job_decides(shop: Shop, supervisor: Supervisor, on_timeout: str, status: str) -> None:
    waiting = hold(shop, supervisor, f'on_timeout = "{on_timeout}"')
    if on_timeout == "approve":
        assert waiting.goes_on(SILENCE, timedelta())["run_id"] == waiting.run_id
    else:
        with pytest.raises(AirflowFailException, match=r"was rejected by gate\.on_timeout"):
            waiting.goes_on(SILENCE, timedelta())
    [run] = shop.runs()
    assert (run["status"], run["decided_by"], run["decided_as"]) == (status, "gate.on_timeout", "approver")
    assert run["decision_reason"] == "nobody decided within 12 hours"


def test_a_decision_on_the_command_line_is_noticed(shop: Shop, supervisor: Supervisor, web: Web) -> None:
    waiting = hold(shop, supervisor)
    decide(shop.home.approver, waiting.run_id, approve=False, by="ana", reason="too few")
    for go_on in (
        lambda: waiting.goes_on(SILENCE, timedelta(hours=9)),
        lambda: waiting.task().execute(waiting.said),
    ):
        with pytest.raises(
            AirflowFailException, match="was rejected by ana: too few. What was published"
        ) as refused:
            go_on()
    dag(shop).default_args["on_failure_callback"]({**waiting.said, "exception": refused.value})
    assert len(web.got) == 1  # that it was held; whoever rejected it knows


def test_who_answers_too_late_changes_nothing(shop: Shop, supervisor: Supervisor) -> None:
    waiting = hold(shop, supervisor)
    decide(shop.home.approver, waiting.run_id, approve=True, by="bob", reason="seen")
    assert waiting.goes_on(answer("Reject", "ana"), timedelta(hours=9))["run_id"] == waiting.run_id
    [run] = shop.runs()
    assert (run["status"], run["decided_by"]) == ("published", "bob")


def test_without_the_approvers_connection_nothing_is_decided(
    shop: Shop, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = hold(shop, supervisor)
    pipeline = shop.home.server.connections["predictions"]
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", pipeline)
    with pytest.raises(
        AirflowFailException, match=r"permission denied for function approve.*scoring_approver"
    ):
        waiting.goes_on(answer("Approve", "ana"), timedelta(hours=11))
    assert shop.status(waiting.run_id) == "held"


def test_a_run_of_another_dag_run_is_not_decided_on(shop: Shop, supervisor: Supervisor) -> None:
    waiting = replace(hold(shop, supervisor), said=context(run_id="another"))
    with pytest.raises(AirflowSkipException, match="nothing to decide"):
        waiting.task().execute(waiting.said)
