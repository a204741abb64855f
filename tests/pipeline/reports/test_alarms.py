"""pipeline/reports/alarms.py: what asks for a look, from every source, in a few words and in numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.reports import alarms
from pipeline.reports.alarms import Alarm, Promise
from tests.home import NIGHT

DUE = datetime(2024, 3, 2, 7, tzinfo=UTC)


def test_a_check_without_words_of_its_own_goes_by_its_name() -> None:
    [known, unknown] = alarms.of_findings(
        [{"check": "drift", "message": "a"}, {"check": "moon_phase", "message": "b"}]
    )
    assert (known, unknown) == (Alarm("features drift", "a"), Alarm("moon phase", "b"))


def test_a_gap_says_by_which_slice_and_how_far() -> None:
    outcomes = {"recall_gap:channel": 0.3141, "recall_gap_alarm:channel": 1.0, "alarms": 1.0, "recall": 0.5}
    assert list(alarms.of_outcomes(outcomes)) == [
        Alarm(
            "groups differ by channel",
            "outcomes by channel differ more than chance allows: recall by up to 0.314",
        )
    ]
    second = {
        **outcomes,
        "bias_gap:channel": 2.0,
        "bias_gap_alarm:channel": 1.0,
        "bias_gap_alarm:member": 1.0,
    }
    assert [alarm.sentence for alarm in alarms.of_outcomes(second)] == [
        "outcomes by channel differ more than chance allows: recall by up to 0.314, bias by up to 2",
        "outcomes by member differ more than chance allows: bias",
    ]
    assert list(alarms.of_outcomes({**outcomes, "recall_gap_alarm:channel": 0.0, "alarms": 0.0})) == []


@pytest.mark.parametrize(
    "status", ["late", "missing", "skipped", "held", "failed", "rejected", "fallback", "published", "due"]
)
def test_a_promise_is_an_alarm_where_it_is_not_kept(status: str) -> None:
    for is_late in (True, False):
        [*seen] = alarms.of_promise(Promise("shop", NIGHT, DUE, None, status, None, is_late))
        assert [alarm.word for alarm in seen] == ["late"] * is_late
        assert all(alarm.sentence.startswith("promised by 2024-03-02 07:00 UTC: ") for alarm in seen)
    assert list(alarms.of_promise(None)) == []


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=1), "1 min"),
        (timedelta(minutes=133), "2 h 13 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=3, minutes=5), "3 d"),
        (timedelta(days=3, hours=5), "3 d 5 h"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert alarms.lasted(span) == words
