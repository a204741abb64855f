"""pipeline/challenger/messages.py: what people read of a challenger that is better, or worse."""

from dataclasses import replace
from datetime import date
from typing import Any

from pipeline.challenger import messages, paired_test
from pipeline.challenger.comparison import Day, Losses
from pipeline.challenger.measuring import Standing
from pipeline.integrations.subject import Subject

DAY = date(2024, 3, 9)


class _Job:
    name = "shop"
    owner = "sales"


def standing(difference: float, days: int = 20, turns: int = 1) -> Standing:
    each = [difference + 0.001 * (number % 3) for number in range(days)]
    together = paired_test.compare(each, paired_test.WRONG)
    lost = Day(DAY, 7, 1, 100, 0, Losses(100, 0.5, 0.5 - difference), {}, 0.1, 0.1, False)
    return Standing(lost, "shop", 2, "log_loss", DAY, together, turns)


def subject() -> Subject:
    job: Any = _Job()
    return Subject(job, DAY, "t", None, "http://airflow/task", "http://airflow/report")


def test_a_verdict_is_told_with_its_interval_its_rate_and_what_to_do() -> None:
    better = messages.alert(subject(), standing(0.02))
    assert better
    assert better.title == "shop 2024-03-09: the challenger is better than what is published"
    for part in (
        "shop version 2 beside version 1, on 20 dates: better. Its log_loss is 0.0210 lower a day, between",
        "at most 5% of challengers",
        "a person decides",
        "$ scoring replay shop 2 FROM TO",
        "Look at it: http://airflow/report",
        "Owner: sales",
    ):
        assert part in better.body
    worse = messages.alert(subject(), standing(-0.02))
    assert worse
    assert worse.title == "shop 2024-03-09: the challenger is worse than what is published"
    assert "take [challenger] out of the job file" in worse.body


def test_it_is_told_once_and_again_when_it_is_decided_otherwise() -> None:
    assert messages.alert(subject(), standing(0.02, days=2)) is None
    first, again = (
        messages.alert(subject(), standing(0.02)),
        messages.alert(subject(), standing(0.03, days=30)),
    )
    turned = messages.alert(subject(), standing(-0.02, turns=2))
    other = messages.alert(subject(), replace(standing(0.02), challenger=3))
    causes = [each.cause if each else None for each in (first, again, turned, other)]
    assert causes[0] == causes[1]
    assert None not in causes
    assert len(set(causes)) == 3
