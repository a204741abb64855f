"""One rule decides which day a run scores, and when that day begins and ends."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st
from pendulum import DateTime, instance
from pendulum import datetime as instant

from pipeline.config import dates
from pipeline.config.dates import DateError

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
).map(ZoneInfo)
CRONS = [
    "0 2 * * *", "30 2 * * *", "30 1 * * *", "30 2,3 * * *", "15 */6 * * *", "30 * * * *", "*/20 * * * *",
    "0 7 * * 1-5", "0 3 29 2 *", "0 3 31 12 *", "0 0 1 * 1", "30 23 * * *", "0 0 * * *",
]  # fmt: skip
DAYS = st.dates(date(2000, 1, 1), date(2024, 12, 31))
INSTANTS = st.datetimes(datetime(2000, 1, 2), datetime(2024, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(DAYS, st.none() | INSTANTS, INSTANTS, ZONES, st.integers(0, 3))
def test_what_a_person_asks_for_comes_first(
    day: date, logical: datetime | None, now: datetime, zone: ZoneInfo, back: int
) -> None:
    assert dates.score_date(day.isoformat(), logical, now, zone, back) == day


@given(INSTANTS, INSTANTS, ZONES, st.integers(0, 3))
def test_else_it_is_the_local_day_on_which_the_run_is_due(
    logical: datetime, now: datetime, zone: ZoneInfo, back: int
) -> None:
    day = dates.score_date(None, logical, now, zone, back) + timedelta(days=back)
    start, end = dates.interval(day, zone)
    assert start <= logical < end
    assert dates.score_date("", None, logical, zone, back) + timedelta(days=back) == day


@given(DAYS, ZONES)
def test_days_tile_time(day: date, zone: ZoneInfo) -> None:
    start, end = dates.interval(day, zone)
    assert dates.interval(day + timedelta(days=1), zone)[0] == end
    assert timedelta(hours=23) <= end - start <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2013, 3, 10), 23.0),
        ("America/New_York", date(2013, 11, 3), 25.0),
        ("Europe/Berlin", date(2024, 3, 31), 23.0),
        ("Europe/Berlin", date(2024, 10, 27), 25.0),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
        ("America/New_York", date(2013, 7, 1), 24.0),
    ],
)
def test_days_on_which_the_clocks_change_are_as_long_as_they_are(zone: str, day: date, hours: float) -> None:
    start, end = dates.interval(day, ZoneInfo(zone))
    assert (end - start).total_seconds() / 3600 == hours


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Sao_Paulo", date(2017, 10, 15), 23.0),  # its midnight does not exist
        ("America/Havana", date(2024, 11, 3), 25.0),  # its midnight comes twice
        ("Pacific/Apia", date(2011, 12, 30), 0.0),  # the whole day does not exist
    ],
)
def test_days_without_one_midnight_leave_no_gap_and_no_overlap(zone: str, day: date, hours: float) -> None:
    around = [dates.interval(day + timedelta(days=number), ZoneInfo(zone)) for number in (-1, 0, 1)]
    assert around[0][1] == around[1][0]
    assert around[1][1] == around[2][0]
    assert (around[1][1] - around[1][0]).total_seconds() / 3600 == hours


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_day_at_the_end_of_the_calendar_is_refused(day: date) -> None:
    with pytest.raises(DateError, match=f"score date {day} is at the end of the calendar"):
        dates.interval(day, ZoneInfo("Asia/Tokyo"))


def test_a_nightly_schedule_scores_every_day_of_the_year_once() -> None:
    timetable = CronTriggerTimetable("0 2 * * *", timezone="America/New_York")
    window = TimeRestriction(instant(2013, 1, 1, 5), instant(2014, 1, 1, 4), catchup=True)
    scored, last = [], None
    while info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=window):
        logical: DateTime | None = info.logical_date
        assert logical is not None
        scored.append(dates.score_date(None, logical, logical, NEW_YORK))
        last = DataInterval(info.data_interval.start, info.data_interval.end) if info.data_interval else None
    assert scored == [date(2013, 1, 1) + timedelta(days=number) for number in range(365)]


@cache
def changes_of_clocks() -> list[tuple[ZoneInfo, datetime]]:
    """Every day in 330 weeks at whose end some zone's clocks show another offset; zones that change alike, once."""
    first = datetime(2020, 1, 1, tzinfo=UTC)
    days = [first + timedelta(days=number) for number in range(330 * 7)]
    zones: dict[tuple[tuple[datetime, timedelta | None], ...], ZoneInfo] = {}
    for zone in map(ZoneInfo, sorted(available_timezones() - {"localtime"})):
        weekly = [day.astimezone(zone).utcoffset() for day in days[::7]]
        weeks = [number for number, pair in enumerate(itertools.pairwise(weekly)) if pair[0] != pair[1]]
        pairs = itertools.chain.from_iterable(
            itertools.pairwise(days[7 * week : 7 * week + 8]) for week in weeks
        )
        offsets = [
            (day, day.astimezone(zone).utcoffset(), later.astimezone(zone).utcoffset())
            for day, later in pairs
        ]
        zones.setdefault(tuple((day, after) for day, before, after in offsets if before != after), zone)
    return [(zone, day) for alike, zone in zones.items() for day, _ in alike]


@pytest.mark.parametrize("schedule", ["30 23 * * *", "30 0 * * *"])
def test_no_change_of_clocks_has_a_nightly_schedule_skip_or_repeat_a_day(schedule: str) -> None:
    changes = changes_of_clocks()
    assert "America/Godthab" in {zone.key for zone, _ in changes}
    for zone, day in changes:
        timetable, due = CronTriggerTimetable(schedule, timezone=zone.key), instance(day - timedelta(days=2))
        scored = []
        while (due := timetable._get_next(due)) < day + timedelta(days=3):
            scored.append(dates.score_date(None, due, due, zone, 0, schedule))
        nights = [scored[0] + timedelta(days=number) for number in range(len(scored))]
        assert scored == nights, (zone.key, day)
        assert len(scored) >= 4


@pytest.mark.parametrize(
    ("schedule", "due", "day"),
    [
        ("30 23 * * *", "2024-03-31T01:30Z", "2024-03-30"),  # its time did not come; half past midnight did
        ("30 0 * * *", "2024-03-31T01:30Z", "2024-03-31"),
        ("30 0,23 * * *", "2024-03-31T01:30Z", "2024-03-31"),
        ("30 23 * * *", "2024-04-01T00:30Z", "2024-03-31"),
        ("30 23 * * *", "2024-10-27T01:30Z", "2024-10-26"),  # the second one of that night
        ("30 0 * * *", "2024-10-27T01:30Z", "2024-10-26"),  # nobody's schedule: the day that the clock shows
        (None, "2024-03-31T01:30Z", "2024-03-31"),  # a person picked this moment
    ],
)
def test_a_time_that_the_clocks_skip_belongs_to_the_day_that_the_schedule_means(
    schedule: str | None, due: str, day: str
) -> None:
    moment = datetime.fromisoformat(due)
    scored = dates.score_date(None, moment, moment, ZoneInfo("America/Godthab"), 0, schedule)
    assert scored.isoformat() == day


def test_a_run_that_is_late_still_scores_the_day_on_which_it_was_due() -> None:
    due = datetime(2013, 7, 1, 2, tzinfo=NEW_YORK)
    assert dates.score_date(None, due, due + timedelta(days=9), NEW_YORK) == date(2013, 7, 1)


@pytest.mark.parametrize(
    ("back", "day"),
    [(0, date(2013, 3, 11)), (1, date(2013, 3, 10)), (2, date(2013, 3, 9)), (366, date(2012, 3, 10))],
)
def test_days_back_are_days_of_the_calendar_and_not_of_24_hours(back: int, day: date) -> None:
    # Half past midnight after a day of 23 hours: 24 hours earlier it was the day before that.
    due = datetime(2013, 3, 11, 0, 30, tzinfo=NEW_YORK).astimezone(UTC)
    assert (due - timedelta(hours=24)).astimezone(NEW_YORK).date() == date(2013, 3, 9)
    assert dates.score_date(None, due, due, NEW_YORK, back) == day


def test_a_blank_is_not_asked_for_but_a_wrong_date_is_not_passed_over() -> None:
    due = datetime(2013, 7, 1, 6, tzinfo=UTC)
    assert dates.score_date("", due, due, NEW_YORK) == date(2013, 7, 1)
    with pytest.raises(DateError, match="score date 'yesterday' is not a date"):
        dates.score_date("yesterday", due, due, NEW_YORK)


@given(st.text(max_size=12) | st.from_regex(r"\d{4}-?W?\d{2}-?\d{1,2}", fullmatch=True))
def test_a_text_is_the_date_that_it_spells_or_refused(text: str) -> None:
    try:
        assert dates.parse(text).isoformat() == text
    except DateError as error:
        assert repr(text) in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "",
        "today",
        "2013-7-1",
        "20130701",
        "2013-02-30",
        "0000-01-01",
        "2013-W27-1",
        "2013-07-01T00:00",
        " 2013-07-01",
        "2013-07-01\n",
        "01/07/2013",
        "２０１３-０７-０１",  # noqa: RUF001 - digits, but not ours
    ],
)
def test_anything_but_a_date_is_refused(text: str) -> None:
    with pytest.raises(DateError, match=r"is not a date. Write it as YYYY-MM-DD, for example 2013-07-01"):
        dates.parse(text)


@pytest.mark.parametrize("text", ["1969-12-31", "0001-01-01", "3000-01-01", "9999-12-31"])
def test_a_day_out_of_bounds_is_refused_at_every_entrance(text: str) -> None:
    refusal = f"score date {text} is not between 1970-01-01 and 20.*Name a day that has data"
    logical = datetime.combine(date.fromisoformat(text), time(12), UTC)
    with pytest.raises(DateError, match=refusal):
        dates.parse(text)
    with pytest.raises(DateError, match=refusal):
        dates.score_date(text, None, datetime.now(UTC), NEW_YORK)
    with pytest.raises(DateError, match=refusal):
        dates.score_date(None, logical, logical, ZoneInfo("UTC"))


@pytest.mark.parametrize("days", [-20_000, -1, 0, 1, 366])
def test_a_night_of_long_ago_or_of_the_next_year_is_no_mistake(days: int) -> None:
    day = datetime.now(UTC).date() + timedelta(days=days)
    assert dates.parse(day.isoformat()) == day


@settings(max_examples=40)
@given(INSTANTS, st.integers(0, 20), st.sampled_from(CRONS), ZONES)
def test_what_is_due_is_what_airflow_holds_to_be_due(
    after: datetime, days: int, schedule: str, zone: ZoneInfo
) -> None:
    until = after + timedelta(days=days)
    timetable = CronTriggerTimetable(schedule, timezone=str(zone))
    expected, due = [], timetable._get_next(instance(after - timedelta(days=5)))
    while due <= until:
        expected += [due] if due > after else []
        due = timetable._get_next(due)
    assert list(dates.due_times(schedule, zone, after, until)) == expected


@pytest.mark.parametrize(
    ("schedule", "day", "utc"),
    [
        ("30 2 * * *", date(2024, 3, 31), "01:30"),  # skipped: half past three, summer time
        ("30 2 * * *", date(2024, 10, 27), "01:30"),  # comes twice: the second time
        ("0 2 * * *", date(2024, 12, 31), "01:00"),
        ("0 2 29 2 *", date(2024, 2, 29), "01:00"),
    ],
)
def test_a_day_is_due_once_when_the_clocks_change(schedule: str, day: date, utc: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start, end = dates.interval(day, berlin)
    [due] = dates.due_times(schedule, berlin, start, end)
    assert f"{due:%H:%M}" == utc
    assert dates.score_date(None, due, due, berlin, 0, schedule) == day


def test_instants_of_local_times() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert dates.instant(datetime(2024, 7, 1, 7), berlin) == datetime(2024, 7, 1, 5, tzinfo=UTC)  # noqa: DTZ001
    assert dates.instant(datetime(2024, 3, 31, 2, 30), berlin) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)  # noqa: DTZ001
    assert dates.instant(datetime(2024, 10, 27, 2, 30), berlin) == datetime(2024, 10, 27, 1, 30, tzinfo=UTC)  # noqa: DTZ001
