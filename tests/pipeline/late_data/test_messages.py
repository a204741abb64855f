"""pipeline/late_data/messages.py: what differs, the command that scores the date again, and no link of the data."""

from dataclasses import replace
from datetime import date
from typing import Any

from pipeline.config.job import Job
from pipeline.late_data import messages
from pipeline.late_data.result import Recheck
from tests.pipeline.punctuality.test_due import job

DONE = Recheck(
    run_id=7,
    job="promised",
    score_date=date(2024, 3, 1),
    rows_then=100,
    rows_now=99,
    rows_rejected=1,
    rows_new=2,
    rows_gone=4,
    rows_changed=3,
    entities_doubled=0,
    columns={"visits": 2, "evil.example": 1},
    notes=("1 rows of the run were erased since.",),
)


def message(done: Recheck, **options: Any) -> Any:
    named: Job = job()
    finding = done.finding()
    assert finding is not None
    return messages.late(named, done, finding, options.get("backfill"), "http://airflow/report")


def test_a_message_has_the_numbers_the_command_and_the_report() -> None:
    alert = message(DONE)
    assert alert.title.endswith(" 2024-03-01: the source has changed since")
    assert (
        "3 have changed and 4 are gone; 2 are new; changed columns: visits in 2, evil[.]example in 1"
        in alert.body
    )
    assert "To score them as they are: scoring score promised 2024-03-01" in alert.body
    assert "http://airflow/report" in alert.body
    assert "1 rows of the run were erased since." in alert.body


def test_the_same_difference_is_told_once_and_another_one_again() -> None:
    same, other = message(DONE).cause, message(replace(DONE, rows_new=3)).cause
    assert message(DONE).cause == same != other
    causes = {message(replace(DONE, run_id=run), backfill=date(2024, 3, 9)).cause for run in (7, 8)}
    assert len(causes) == 1
    assert "one run of a backfill" in message(DONE, backfill=date(2024, 3, 9)).body
