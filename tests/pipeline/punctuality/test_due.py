"""pipeline/punctuality/due.py: each score date is owed once, and promised after it is due."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import dates, loader
from pipeline.config.job import Job, JobError
from pipeline.config.ready_section import ReadySection
from pipeline.config.sections import PromiseSection
from pipeline.punctuality import due
from tests.pipeline.config.test_dates import CRONS, INSTANTS, ZONES

SEVEN = PromiseSection(published_by="07:00")
BY = st.sampled_from(["00:00", "01:30", "02:30", "07:00", "23:59"]).map(
    lambda at: PromiseSection(published_by=at)
)
PROMISES = BY | st.sampled_from([0.5, 4, 30]).map(lambda hours: PromiseSection(within_hours=hours))


def job(schedule: str = "0 2 * * *", zone: ZoneInfo | str = "UTC", **changed: object) -> Job:
    """A job that is read from a file, and changed."""
    values = {"name": "any", "description": "d", "owner": "o", "schedule": schedule, "timezone": str(zone),
              "start_date": date(1999, 1, 1), "extract": {"query": "a.sql"}, "model": {"name": "m"},
              "sha256": "0" * 64, **changed}  # fmt: skip
    return Job.model_validate(values)


@settings(max_examples=20)
@given(st.sampled_from(CRONS), ZONES, PROMISES, INSTANTS, st.integers(0, 3), st.data())
def test_however_often_a_watch_looks_each_date_is_owed_once(
    schedule: str, zone: ZoneInfo, promise: PromiseSection, begin: datetime, back: int, data: st.DataObject
) -> None:
    owing, end = job(schedule, zone, days_back=back), begin + timedelta(days=6)
    cuts = data.draw(st.lists(st.datetimes(begin.replace(tzinfo=None), end.replace(tzinfo=None)), max_size=4))
    instants = [begin, *sorted(cut.replace(tzinfo=UTC) for cut in cuts), end]
    whole = list(due.due_dates(owing, promise, begin, end))
    pieces = [one for a, b in pairwise(instants) for one in due.due_dates(owing, promise, a, b)]
    assert pieces == whole
    assert len({one.score_date for one in whole}) == len(whole)
    for one in whole:
        assert begin < one.due_at <= end
        assert one.promised_at > one.due_at
        assert dates.score_date(None, one.due_at, one.due_at, zone, back, schedule) == one.score_date
        if promise.within_hours is None:
            assert one.promised_at - one.due_at <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2024, 3, 10), 4),  # an hour less between two and seven
        ("America/New_York", date(2024, 11, 3), 5),
        ("Europe/Berlin", date(2024, 3, 31), 4),
        ("Europe/Berlin", date(2024, 10, 27), 5),
        ("UTC", date(2024, 12, 31), 5),
        ("UTC", date(2024, 2, 29), 5),
    ],
)
def test_seven_is_seven_on_days_of_every_length(zone: str, day: date, hours: int) -> None:
    start, end = dates.interval(day, ZoneInfo(zone))
    [one] = due.due_dates(job("0 2 * * *", zone), SEVEN, start, end)
    assert one.score_date == day
    assert one.promised_at - one.due_at == timedelta(hours=hours)
    assert f"{one.promised_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == f"{day} 07:00"


def test_a_promise_before_the_hour_of_the_run_is_of_the_next_day() -> None:
    [one] = due.due_dates(job("0 22 * * *"), SEVEN, at(3, 1), at(3, 2))
    assert (one.due_at, one.promised_at) == (at(3, 1, 22), at(3, 2, 7))


def test_a_job_that_runs_on_weekdays_owes_no_weekend() -> None:
    owed = [one.score_date.day for one in due.due_dates(job("0 2 * * 1-5"), SEVEN, at(3, 1), at(3, 6))]
    assert owed == [1, 4, 5]  # a Friday, Monday and Tuesday


def test_a_job_owes_nothing_before_its_first_day_and_after_its_last() -> None:
    bounded = job(start_date=date(2024, 3, 2), end_date=date(2024, 3, 3))
    assert [one.score_date.day for one in due.due_dates(bounded, SEVEN, at(2, 20), at(3, 20))] == [2, 3]


def test_a_job_owes_from_when_it_was_first_seen_or_from_its_start_with_catchup() -> None:
    plain = job(start_date=date(2024, 3, 1))
    assert due.since(plain, at(3, 10)) == at(3, 10)
    assert due.since(plain, at(2, 10)) < at(3, 1)
    assert [
        one.score_date.day
        for one in due.due_dates(job("0 0 * * *"), SEVEN, due.since(plain, at(1, 1)), at(3, 1))
    ] == [1]
    assert due.since(plain.model_copy(update={"catchup": True}), at(3, 10)) < at(3, 1)


@pytest.mark.parametrize("section", ["", 'published_by = "07:00"\nwithin_hours = 2'])
def test_a_promise_is_one_of_two(section: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        f'description = "d"\nowner = "o"\nschedule = "0 2 * * *"\nstart_date = 2024-01-01\nextract.query = "a.sql"\n'
        f'model.name = "m"\n[promise]\n{section}\n'
    )
    with pytest.raises(JobError, match=r"key 'promise'.*Name one of them"):
        loader.read(file)


@pytest.mark.parametrize("time", ["7:00", "24:00", "07:60", "seven", "07:00:00"])
def test_a_time_of_day_is_of_hours_and_minutes(time: str) -> None:
    with pytest.raises(ValueError, match="published_by"):
        PromiseSection(published_by=time)


READY = ReadySection(query="ready.sql")
PATIENT = ReadySection(query="ready.sql", wait_hours=4)


@settings(max_examples=20)
@given(st.sampled_from(CRONS), ZONES, PROMISES, INSTANTS, st.integers(0, 3))
def test_what_a_date_is_promised_does_not_depend_on_what_began_its_run(
    schedule: str, zone: ZoneInfo, promise: PromiseSection, begin: datetime, back: int
) -> None:
    owing = job(schedule, zone, days_back=back)
    for one in due.due_dates(owing, promise, begin, begin + timedelta(days=4)):
        assert due.promise_of(owing, promise, one.score_date) == one.promised_at


def test_a_run_waits_until_its_promise_unless_the_job_names_hours() -> None:
    promising = job("0 2 * * *", "Europe/Berlin", promise=SEVEN)
    day, night, late = date(2024, 3, 1), at(3, 1, 1), at(3, 1, 9)
    assert due.wait_until(promising, READY, day, night) == at(3, 1, 6)
    assert due.wait_until(promising, READY, day, late) == late  # it was promised for seven
    assert due.wait_until(promising, PATIENT, day, late) == at(3, 1, 13)
    assert due.wait_until(job("0 2 * * *"), PATIENT, day, night) == at(3, 1, 5)


@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2024, 3, 3)])
def test_nobody_waits_for_a_date_that_is_never_due(day: date) -> None:
    ending = job("0 2 * * *", start_date=date(2024, 3, 1), end_date=date(2024, 3, 2), promise=SEVEN)
    assert due.promise_of(ending, SEVEN, day) is None
    assert due.wait_until(ending, READY, day, at(3, 1)) == at(3, 1)


def at(month: int, day: int, hour: int = 0) -> datetime:
    """An instant of 2024."""
    return datetime(2024, month, day, hour, tzinfo=UTC)
