"""pipeline/reports/quality.py: a sentence of each state of the quality alarm, and none of what was not measured."""

import pytest

from pipeline.reports import quality


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
    sentence = quality.sentence(outcomes)
    assert sentence is None if expected is None else expected in str(sentence)
    assert quality.alarm(outcomes) == (sentence if outcomes.get("quality_alarm") else None)
