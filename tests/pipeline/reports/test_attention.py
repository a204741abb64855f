"""pipeline/reports/attention.py: what needs a person, the gravest state of each date, and nothing that is over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.reports.alarms import Promise
from pipeline.reports.attention import Item, items
from pipeline.reports.days import DaySummary
from pipeline.reports.jobs import JobFacts
from pipeline.reports.links import Links
from tests.home import NIGHT

LINKS = Links(
    "all", "report/{}/{}".format, "form/{}/{}".format, lambda *_: None, "dag/{}".format, "card/{}/{}".format
)
DUE = datetime(2024, 3, 1, 7, tzinfo=UTC)
FINDING = {"check": "volume", "action": "warn", "message": "3 rows"}


def day(number: int = 0, **changed: Any) -> DaySummary:
    """A score date that was published as usual, unless told otherwise."""
    usual = DaySummary(
        job="shop", score_date=NIGHT + timedelta(days=number), run_id=7, status="published", status_reason=None,
        served_by="model", staleness_days=0, rows_scored=100, rows_rejected=0, shown=True, held_run_id=None,
        failed_run_id=None, decided_by=None, started_at=DUE, trigger="nightly", model_name="shop", model_version=1,
        score_mean=0.5, findings=[], outcomes={},
    )  # fmt: skip
    return replace(usual, **changed)


def promise(number: int = 0, status: str = "missing") -> Promise:
    """A promise that is not kept."""
    return Promise("shop", NIGHT + timedelta(days=number), DUE, None, status, None, is_late=True)


HELD: dict[str, Any] = {
    "status": "held",
    "shown": False,
    "held_run_id": 9,
    "status_reason": "3 rows, and min_rows is 5",
}
FAILED: dict[str, Any] = {"status": "failed", "shown": False, "status_reason": "no disk"}


@pytest.mark.parametrize(
    ("changed", "level", "word", "reason", "command"),
    [
        (HELD, "warn", "held", "3 rows, and min_rows is 5", 'scoring approve 9 --reason "WHY"'),
        (FAILED, "bad", "failed", "no disk", "scoring check shop --date 2024-03-01"),
        (
            {"status": "abandoned", "shown": False, "decided_by": "ann"},
            "bad",
            "rejected",
            "",
            "scoring score shop 2024-03-01",
        ),
        ({"failed_run_id": 8, "status_reason": "no disk"}, "warn", "failed afterwards", "no disk", None),
        ({"served_by": "champion_previous"}, "warn", "a fallback is served", "", None),
        ({"findings": [FINDING]}, "warn", "to check", "3 rows", "scoring show 7"),
        ({"outcomes": {"loss_alarm": 1.0}}, "warn", "to check", "outcomes: loss alarm is 1", None),
        (
            {"late": {"rows_new": 12, "rows_gone": 0, "rows_changed": 3}},
            "warn",
            "to check",
            "the source gives other rows than were scored: 3 changed, 0 gone, 12 new",
            "scoring show 7",
        ),
    ],
)
def test_every_state_has_its_word_its_reason_and_its_command(
    changed: dict[str, Any], level: str, word: str, reason: str, command: str | None
) -> None:
    [item] = items("shop", [day(**changed)], [], None, LINKS)
    assert (item.level, item.word, item.reason) == (level, word, reason)
    assert command is None or item.command == command
    assert item.links[-1][0] == "Report"


def test_a_held_run_leads_to_its_form_where_airflow_has_one() -> None:
    [item] = items("shop", [day(**HELD)], [], None, LINKS)
    assert item.links == (("Approve or reject", "form/shop/nightly"), ("Report", "report/shop/9"))
    [item] = items("shop", [day(**HELD)], [], None, replace(LINKS, form=lambda *_: None))
    assert item.links == (("Report", "report/shop/9"),)


def test_what_is_over_needs_nobody() -> None:
    assert (
        items("shop", [day()], [replace(promise(status="published"), is_late=False)], JobFacts(), LINKS) == []
    )
    running: dict[str, Any] = {"status": "running", "shown": False}
    assert items("shop", [day(**running)], [], None, LINKS) == []
    # A finding, a fallback and a failure of before are no news once a later date is as usual; a held run waits on.
    unusual: dict[str, Any] = {"findings": [FINDING]}
    served: dict[str, Any] = {"served_by": "last_published"}
    for old, waits in ((unusual, 0), (served, 0), (HELD, 1)):
        assert len(items("shop", [day(**old), day(1)], [], None, LINKS)) == waits
    late_failure = [day(**FAILED), *(day(number) for number in range(1, 8))]
    assert items("shop", late_failure, [], None, LINKS) == []
    assert len(items("shop", late_failure[:-1], [], None, LINKS)) == 1


def test_alarms_of_outcomes_are_news_until_later_outcomes_are_known() -> None:
    alarmed: dict[str, Any] = {"outcomes": {"loss_alarm": 1.0}}
    quiet: dict[str, Any] = {"outcomes": {"loss_alarm": 0.0}}
    assert [item.days for item in items("shop", [day(**alarmed), day(1)], [], None, LINKS)] == ["2024-03-01"]
    assert items("shop", [day(**alarmed), day(1, **quiet), day(2)], [], None, LINKS) == []


def test_late_data_are_news_until_the_source_of_a_later_date_was_read_again() -> None:
    late: dict[str, Any] = {"late": {"rows_new": 1, "rows_gone": 0, "rows_changed": 0}}
    same: dict[str, Any] = {"late": {"rows_new": 0, "rows_gone": 0, "rows_changed": 0}}
    assert [item.days for item in items("shop", [day(**late), day(1)], [], None, LINKS)] == ["2024-03-01"]
    assert items("shop", [day(**late), day(1, **same), day(2)], [], None, LINKS) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (HELD, "late: held"),
        (FAILED, "late: failed"),
        ({"status": "running", "shown": False}, "late: running"),
    ],
)
def test_a_promise_that_is_broken_is_said_of_the_run_that_broke_it(
    changed: dict[str, Any], word: str
) -> None:
    status = changed["status"] if changed["status"] != "running" else "late"
    [item] = items(
        "shop", [day(**changed), *(day(n) for n in range(1, 20))], [promise(status=status)], None, LINKS
    )
    assert (item.level, item.word) == ("bad", word)
    assert "promised by 2024-03-01 07:00 UTC: " in item.reason


def test_dates_that_nobody_began_to_score_are_one_item_with_one_command() -> None:
    owed = [promise(number, "skipped") for number in range(3)] + [promise(3)]
    skipped, missing = items("shop", [], owed, None, LINKS)
    assert (skipped.days, skipped.command) == (
        "2024-03-01 to 2024-03-03",
        "scoring score shop 2024-03-01 2024-03-03",
    )
    assert skipped.reason.startswith("3 score dates, the last promised by ")
    assert (missing.days, missing.word, missing.links) == (
        str(date(2024, 3, 4)),
        "missing",
        (("DAG", "dag/shop"),),
    )


def test_a_broken_job_file_comes_first() -> None:
    broken, failed = items(
        "shop", [day(**FAILED)], [], JobFacts(error="shop.toml: key 'x' is unknown"), LINKS
    )
    assert broken == Item(
        "bad", "shop", "", "broken job file", "shop.toml: key 'x' is unknown", (), "scoring jobs"
    )
    assert failed.word == "failed"
