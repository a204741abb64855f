"""pipeline/retraining/messages.py: what people read of a candidate that has been trained."""

from datetime import date
from typing import Any

from pipeline.candidates.candidate import Draft
from pipeline.integrations.subject import Subject
from pipeline.retraining import messages

LAST = date(2024, 3, 4)
FIGURES = {"log_loss": 0.4014, "roc_auc": 0.7276}


class _Job:
    name = "shop"
    owner = "sales"


def subject() -> Subject:
    job: Any = _Job()
    return Subject(job, LAST, "t", None, "http://airflow/task", "http://airflow/report")


def draft(**evaluation: Any) -> Draft:
    values: dict[str, Any] = dict.fromkeys(Draft.model_fields, "")
    values |= {"files": {}, "training_start": date(2024, 1, 1), "training_end": LAST, "rows": 12_345}
    figures = {"rows": 400, "dates": 64, "folds": 4, "candidate": FIGURES, "base_rate": {"log_loss": 0.4483}}
    return Draft.model_validate({**values, "evaluation": figures | evaluation})


def test_a_candidate_is_told_with_its_figures_and_the_command_that_has_it_reviewed() -> None:
    beside = {
        "version": 2,
        "dates": 9,
        "rows": 9_000,
        "candidate": {"log_loss": 0.3811},
        "champion": {"log_loss": 0.4047},
    }
    alert = messages.alert(subject(), 7, draft(beside_champion=beside))
    assert (alert.title, alert.cause) == (f"shop {LAST}: {messages.TITLE}", "shop candidate 7")
    assert alert.body == (
        "Candidate 7 of shop was trained on 12,345 rows from 2024-01-01 to 2024-03-04. "
        "Nothing of it is published until somebody adopts it and promotes it.\n\n"
        "Out of fold, on 64 dates:\n"
        "- the candidate: log loss 0.4014, roc auc 0.7276\n"
        "- the rate of the training rows: log loss 0.4483\n\n"
        "On 9 dates that the champion, version 2, was not trained on, 9,000 rows:\n"
        "- the candidate: log loss 0.3811\n"
        "- the champion: log loss 0.4047\n\n"
        "To review it as a version, in a checkout:\n\n"
        "$ scoring adopt shop 7\n\n"
        "The task that entered it: http://airflow/task\n\n"
        "Owner: sales"
    )


def test_why_there_is_no_comparison_holds_no_link_and_no_command() -> None:
    note = "shop version 1 could not score these rows: a value\n$ rm http://evil.example"
    body = messages.alert(subject(), 7, draft(champion_note=note)).body
    assert "could not score these rows: a value $ rm hxxp[://]evil[.]example" in body
    assert [part for part in body.split("\n\n") if part.startswith("$")] == ["$ scoring adopt shop 7"]
