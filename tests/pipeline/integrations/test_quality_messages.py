"""pipeline/integrations/quality_messages.py: what people read of a model that is worse, and that it is over."""

from datetime import date
from typing import Any

import pytest

from pipeline.integrations import quality_messages
from pipeline.integrations.quality_messages import Incident
from pipeline.integrations.subject import Subject

DAY = date(2024, 3, 9)


class _Job:
    name = "shop"
    owner = "sales"


def subject() -> Subject:
    job: Any = _Job()
    return Subject(job, DAY, "t", None, "http://airflow/task", "http://airflow/report")


def incident(ended_on: date | None = None, began_on: date = date(2024, 3, 1)) -> Incident:
    return Incident(began_on, ended_on, "shop version 2", "The last 14 measured days left 110% of the loss.")


def test_the_first_says_how_much_worse_at_which_rate_and_what_to_do() -> None:
    alert = quality_messages.alert(subject(), incident(), 0.05)
    assert alert.title == "shop 2024-03-09: the model is worse than in training"
    for part in (
        "shop version 2",
        "left 110%",
        "at most 5% of years",
        "versions.toml",
        "http://airflow/report",
        "sales",
    ):
        assert part in alert.body


def test_the_last_says_that_it_is_over() -> None:
    alert = quality_messages.alert(subject(), incident(DAY), 0.05)
    assert alert.title == "shop 2024-03-09: the model is as good as in training again: all clear"
    assert "Nothing is to be done." in alert.body


def test_an_incident_has_two_causes_and_another_one_has_others() -> None:
    every = (incident(), incident(DAY), incident(began_on=date(2024, 5, 1)))
    causes = {quality_messages.alert(subject(), one, 0.05).cause for one in every}
    assert len(causes) == 3
    # One that begins anew on the same day, after its all-clear, is news: who was told stands beside the incident.
    assert quality_messages.alert(subject(), incident(), 0.05).cause not in causes


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({}, None),
        ({"roc_auc": 0.7}, None),
        ({"quality_reference": 1.0}, "one of the first, which say what is ordinary"),
        (
            {"quality_evidence": 0.25, "quality_alarm": 0.0},
            "as in training: the evidence is at 0.25 of its limit",
        ),
        (
            {"quality_evidence": 1.2, "quality_alarm": 1.0},
            "worse than those of training: the quality alarm is on",
        ),
    ],
)
def test_every_state_has_its_sentence(outcomes: dict[str, float], expected: str | None) -> None:
    sentence = quality_messages.sentence(outcomes)
    assert sentence is None if expected is None else expected in str(sentence)


def test_what_stands_is_said_of_one_day_and_of_many_with_and_without_low_scores() -> None:
    first = quality_messages.standing(1, "training's days", (1.1, 0.9), None, 0.25)
    assert first == (
        "The last measured day left 110% of the base rate's loss, training's days 90%. "
        "The evidence that the model is worse is at 0.25 of its limit."
    )
    many = quality_messages.standing(14, "training's days", (0.9, 0.9), (0.004, 0.073), 1.2)
    assert "The last 14 measured days left" in many
    assert "0.4% were as low as the lowest tenth of training's, in training 7.3%." in many


def test_before_there_is_anything_to_say_it_is_said_why() -> None:
    assert "No day counts yet" in quality_messages.none_yet(None, 28)
    assert quality_messages.none_yet(3, 28).endswith("Measured so far: 3.")


def test_a_small_rate_is_not_said_to_be_none() -> None:
    assert "at most 0.1% of years" in quality_messages.alert(subject(), incident(), 0.001).body
