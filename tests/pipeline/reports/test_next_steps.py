"""pipeline/reports/next_steps.py: every state of a run has its command, which is typed as it stands."""

from datetime import date
from typing import Any

import pytest

from pipeline.reports.next_steps import steps, urgent


def run(status: str, **changed: Any) -> dict[str, Any]:
    """A run's row, as far as the steps look at it."""
    row = {"run_id": 7, "status": status, "job": "job", "score_date": date(2024, 3, 1), "shown_run_id": 7,
           "previous_run_id": None, "model_name": "m"}  # fmt: skip
    return {**row, **changed}


@pytest.mark.parametrize(
    ("row", "commands"),
    [
        (run("held", shown_run_id=None), ['approve 7 --reason "WHY"', 'reject 7 --reason "WHY"', "show 7"]),
        (
            run("superseded", shown_run_id=9),
            ['rollback job 2024-03-01 --to 7 --reason "WHY"', "report 9", "show 7"],
        ),
        (run("failed", shown_run_id=None), ["check job", "show 7"]),
        (
            run("published", previous_run_id=5),
            ['rollback job 2024-03-01 --reason "WHY"', "diff 5 7", "show 7"],
        ),
        (run("published"), ["score job 2024-03-01 --model-version VERSION", "show 7"]),
        (run("abandoned", shown_run_id=None), ["show 7"]),
    ],
)
def test_every_state_has_its_commands(row: dict[str, Any], commands: list[str]) -> None:
    assert [command for _, command in steps(row)] == [f"scoring {command}" for command in commands]


def test_a_job_of_any_name_is_one_word_of_the_shell() -> None:
    assert "check 'a b; rm'" in steps(run("failed", job="a b; rm", shown_run_id=None))[0][1]


def test_what_waits_for_a_person_is_urgent() -> None:
    assert [status for status in ("held", "failed", "published", "abandoned") if urgent(run(status))] == [
        "held",
        "failed",
    ]
