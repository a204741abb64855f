"""pipeline/reports/sections/challenger.py: what a reader learns of a run's challenger."""

from typing import Any

from pipeline.reports.sections.challenger import brief, section

MEASURED: dict[str, Any] = {
    "champion_version": 1,
    "challenger_version": 2,
    "status": "scored",
    "reason": None,
    "entities": 1000,
    "outcomes": 900,
    "loss": "log_loss",
    "champion_loss": 0.5,
    "challenger_loss": 0.48,
    "moved": 0.25,
    "relabelled": 0.031,
    "in_sample": False,
    "days": 14,
    "verdict": "better",
    "mean_difference": 0.0213,
    "difference_low": 0.0101,
    "difference_high": 0.0325,
}


def test_a_verdict_stands_with_its_days_and_its_interval() -> None:
    shown = section(MEASURED)
    assert shown
    assert shown.sentence == (
        "Version 2 beside version 1: better after 14 score dates, its log loss 0.0213 lower a day, between 0.0325 "
        "lower and 0.0101 lower."
    )
    assert dict(shown.figures) == {
        "Entities with a score of both": "1,000",
        "Of these, outcomes known": "900",
        "Published: log loss": "0.5000",
        "Challenger: log loss": "0.4800",
        "Scores in another tenth": "25.0%",
        "Labels that are others": "3.1%",
    }
    assert brief(MEASURED).startswith("version 2: better after 14 score dates, its log loss 0.0213 lower")
    few = {**MEASURED, "days": 1, "difference_low": None, "verdict": "undecided", "relabelled": None}
    shown = section(few)
    assert shown
    assert shown.sentence.endswith(": undecided after 1 score date, its log loss 0.0213 lower a day.")
    assert "Labels that are others" not in dict(shown.figures)


def test_before_outcomes_there_is_what_became_of_it() -> None:
    unmeasured = {**MEASURED, "verdict": None, "days": None, "in_sample": None}
    shown, failed = section(unmeasured), section({**unmeasured, "status": "failed", "reason": "No memory."})
    assert shown
    assert failed
    assert "held against the outcomes once they are known" in shown.sentence
    assert shown.figures == []
    assert failed.sentence == "Version 2 has no scores of this run, which changes nothing of it. No memory."
    assert section(None) is None
    assert brief(None) == ""
    assert brief({**unmeasured, "status": "failed"}) == "version 2: failed on the last run; not measured yet"
    running = section({**unmeasured, "status": "running"})
    assert running
    assert "scores the same rows now" in running.sentence
    assert "enough outcomes" in brief({**MEASURED, "days": 0})
