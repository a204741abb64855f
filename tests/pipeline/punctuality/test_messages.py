"""pipeline/punctuality/messages.py: what happened, why, and the command that puts it right."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.config.ready_section import ReadySection
from pipeline.punctuality import messages
from pipeline.punctuality.incidents import LAPSES, DueDate, News
from tests.pipeline.punctuality.test_due import job

DUE = datetime(2024, 2, 28, 7, tzinfo=UTC)


def news(cause: str | None, days: int = 1, reason: str | None = None) -> News:
    """News of so many dates in a row."""
    dates = tuple(
        DueDate(
            (DUE + timedelta(number)).date(),
            DUE + timedelta(number),
            DUE + timedelta(number, hours=5),
            cause or "published_late",
            run_id=None if cause in ("missing", "skipped") else 7,
            reason=reason,
        )
        for number in range(days)
    )
    return News(dates[0].score_date, cause, dates, dates[-1].promised_at)


COMMANDS = {
    "late": "scoring runs any",
    "missing": "scoring score any 2024-02-28 2024-03-01",
    "skipped": "airflow backfill create --dag-id any --from-date 2024-02-29 --to-date 2024-03-02",
    "held": 'scoring approve 7 --reason "WHY"',
    "failed": "scoring score any 2024-02-28 2024-03-01",
    "rejected": "scoring score any 2024-02-28 2024-03-01",
    "fallback": "scoring score any 2024-02-28 2024-03-01 --again",
}


@pytest.mark.parametrize("cause", LAPSES)
def test_a_message_names_the_dates_the_promise_and_the_command(cause: str) -> None:
    zoned = job(zone="America/New_York", days_back=1, owner="pricing")
    alert = messages.lapse(zoned, news(cause, days=3))
    assert alert.title == f"any 2024-02-28: {messages.TITLES[cause]}"
    assert "the last by 2024-03-01 07:00 America/New_York: 2024-02-28, 2024-02-29, 2024-03-01." in alert.body
    assert COMMANDS[cause] in alert.body
    assert alert.body.endswith("Owner: pricing")


def test_one_date_is_named_and_why_its_run_failed_with_no_link_of_the_datas() -> None:
    alert = messages.lapse(job(), news("failed", reason="no such table: http://evil.example/x\nat line 1"))
    assert (
        "Score date 2024-02-28 of any was promised by 2024-02-28 12:00 UTC. Its last run failed."
        in alert.body
    )
    assert "Run 7: no such table" in alert.body
    assert "http://" not in alert.body
    assert alert.run_id == 7


def test_a_message_leads_to_the_pages_where_the_watch_knows_airflows_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    held, missing = (messages.lapse(job(), news(cause)).body.split("\n\n") for cause in ("held", "missing"))
    assert held[-2] == (
        "Its report: https://airflow.example/scoring/dags/any/reports/7\n"
        "What needs a person: https://airflow.example/scoring/"
    )
    assert missing[-2] == "What needs a person: https://airflow.example/scoring/"


def test_of_a_job_that_waits_for_its_source_a_run_that_is_missing_may_wait() -> None:
    waits = "Or it waits until its source is ready"
    asks = job(ready=ReadySection(query="ready.sql", wait_hours=4))
    assert waits in messages.lapse(asks, news("missing")).body
    assert waits not in messages.lapse(asks, news("late")).body
    assert waits not in messages.lapse(job(), news("missing")).body


def test_an_all_clear_lists_its_dates_and_causes_differ() -> None:
    alert = messages.all_clear(job(), news(None, days=2))
    assert alert.title == "any 2024-02-28: published: all clear"
    assert "2024-02-28: published\n2024-02-29: published" in alert.body
    causes = {messages.lapse(job(), news(cause)).cause for cause in LAPSES} | {alert.cause}
    assert len(causes) == len(LAPSES) + 1
