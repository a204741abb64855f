"""pipeline/punctuality/incidents.py: one message a cause, one all-clear, whatever happens in between."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.punctuality.incidents import BROKEN, LAPSES, DueDate, News, decide

FIRST = date(2024, 2, 27)
KEPT = ("published", "published_late", "empty", "withdrawn")


def dates(*statuses: str) -> list[DueDate]:
    """Score dates one after the other, due at two and promised by seven, of these statuses."""
    due = datetime(2024, 2, 27, 2, tzinfo=UTC)
    return [
        DueDate(FIRST + timedelta(days), due + timedelta(days), due + timedelta(days, hours=5), status)
        for days, status in enumerate(statuses)
    ]


AFTER = datetime(2024, 4, 1, tzinfo=UTC)


def told(news: tuple[News, ...]) -> list[tuple[str | None, int]]:
    """The causes, and of how many dates."""
    return [(one.cause, len(one.dates)) for one in news]


@pytest.mark.parametrize("status", LAPSES)
def test_a_cause_is_news_once(status: str) -> None:
    first = decide(dates("published", status), AFTER)
    assert told(first.news) == [(status, 1)]
    assert decide(first.dates, AFTER).news == ()


@pytest.mark.parametrize("status", LAPSES)
def test_nothing_is_news_before_its_time(status: str) -> None:
    [one] = dates(status)
    assert decide([one], one.promised_at).news == ()
    assert told(decide([one], one.promised_at + timedelta(microseconds=1)).news) == [(status, 1)]


def test_dates_in_a_row_are_one_incident_and_others_are_another() -> None:
    decision = decide(dates("missing", "missing", "published", "missing"), AFTER)
    assert told(decision.news) == [("missing", 2), ("missing", 1)]
    assert [one.incident and one.incident.day for one in decision.dates] == [27, 27, None, 1]


def test_what_fell_due_while_the_file_was_broken_is_known() -> None:
    broken = [replace(one, incident=FIRST, told=(BROKEN,)) for one in dates("missing", "late")]
    decision = decide(broken, AFTER)
    assert decision.news == ()
    done = [replace(one, status="published_late") for one in decision.dates]
    assert told(decide(done, AFTER).news) == [(None, 2)]


def test_an_incident_whose_first_date_is_nobodys_alarm_any_more_ends_quietly() -> None:
    _, second = decide(dates("failed", "failed"), AFTER).dates
    decision = decide([replace(second, status="published_late")], AFTER)
    assert decision.news == ()
    assert decision.dates[0].incident is None


LIVES = st.lists(st.lists(st.sampled_from([*LAPSES, *KEPT]), min_size=1, max_size=5), min_size=1, max_size=4)


@given(LIVES)
def test_every_incident_ends_with_one_all_clear_and_no_cause_is_told_twice(lives: list[list[str]]) -> None:
    days = dates(*("due" for _ in lives))
    sent: list[tuple[date, str | None]] = []
    for step in range(max(map(len, lives)) + 1):
        statuses = [life[step] if step < len(life) else "published_late" for life in lives]
        decision = decide(
            [replace(one, status=status) for one, status in zip(days, statuses, strict=True)], AFTER
        )
        days = list(decision.dates)
        sent += [(news.incident, news.cause) for news in decision.news]
        lapsed = [one for one in days if one.lapse(AFTER)]
        assert all(one.incident and one.told for one in lapsed)
    assert all(one.incident is None for one in days)
    opened = 0
    for incident in {incident for incident, _ in sent}:
        causes = [cause for one, cause in sent if one == incident]
        assert causes[-1] is None
        while causes:  # an incident may come again after its all-clear
            end = causes.index(None)
            assert len(set(causes[:end])) == end > 0
            causes, opened = causes[end + 1 :], opened + 1
    assert opened >= (1 if any(set(life) & set(LAPSES) for life in lives) else 0)


def test_a_thousand_good_days_are_no_news() -> None:
    assert decide(dates(*(["published"] * 990 + ["empty"] * 10)), AFTER + timedelta(days=1000)).news == ()
