"""pipeline/reports/days.py: a date at a glance, and days that nobody saw are no part of a trend."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.reports.days import by_day
from tests.home import NIGHT
from tests.pipeline.reports.test_attention import day

FINDING = {"check": "volume", "action": "warn", "message": "3 rows"}


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, "good"),
        ({"findings": [FINDING]}, "warn"),
        ({"outcomes": {"recall_gap_alarm:channel": 1.0}}, "warn"),
        ({"outcomes": {"recall_gap_alarm:channel": 0.0}}, "good"),
        ({"served_by": "last_published"}, "warn"),
        ({"failed_run_id": 8}, "warn"),
        ({"held_run_id": 8}, "warn"),
        ({"shown": False, "status": "failed"}, "bad"),
        ({"shown": False, "status": "abandoned", "decided_by": "ann"}, "bad"),
        ({"shown": False, "status": "abandoned"}, "none"),
        ({"shown": False, "status": "running"}, "none"),
    ],
)
def test_a_date_is_a_traffic_light(changed: dict[str, Any], level: str) -> None:
    assert day(**changed).level == level


def test_figures_of_a_date_that_the_model_has_seen_are_none() -> None:
    assert day(outcomes={"roc_auc": 0.7}).figure("roc_auc") == 0.7
    assert day(outcomes={"roc_auc": 0.7, "in_sample": 1.0}).figure("roc_auc") is None


def test_a_day_that_nobody_saw_has_no_value_unless_it_is_the_last() -> None:
    unseen: dict[str, Any] = {"shown": False, "status": "failed"}
    seen = by_day(
        [day(), day(1, **unseen), day(3, **unseen)], NIGHT + timedelta(days=3), lambda one: one.rows_scored
    )
    assert seen == {NIGHT: 100} | {NIGHT + timedelta(days=n): None for n in (1, 2)} | {
        NIGHT + timedelta(days=3): 100
    }
    assert by_day([], NIGHT, lambda one: one.rows_scored) == {NIGHT: None}
