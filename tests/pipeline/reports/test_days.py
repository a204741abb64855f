"""pipeline/reports/days.py: a date at a glance, and days that nobody saw are no part of a trend."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.reports.days import by_day, remembering
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


def test_groups_that_differ_as_before_are_no_news() -> None:
    def differing(number: int, gap: float | None, column: str = "channel", **more: Any) -> Any:
        gaps = {} if gap is None else {f"recall_gap:{column}": gap, f"recall_gap_alarm:{column}": 1.0}
        return day(number, outcomes={**gaps, **more.pop("outcomes", {})}, **more)

    days = remembering(
        [
            differing(0, 0.2),
            differing(1, 0.3),  # no more than half as much again
            differing(2, None),
            differing(3, 0.46),
            differing(4, 0.2, "region"),
            differing(5, 0.2, findings=[FINDING]),
            differing(6, 0.2, outcomes={"quality_alarm": 1.0}),
            differing(31, 0.4),  # four weeks after the last that was so large
            differing(32, 0.4, job="other"),
            differing(60, 0.2),
        ]
    )
    assert [one.level for one in days] == [
        "warn", "good", "good", "warn", "warn", "warn", "warn", "good", "warn", "warn",
    ]  # fmt: skip
    assert [alarm.word for alarm in days[5].news] == ["an unusual number of rows"]
    assert [alarm.word for alarm in days[6].news] == ["worse than in training"]
    assert days[1].as_before == {"groups differ by channel"}
    assert len(days[1].alarms) == 1


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
