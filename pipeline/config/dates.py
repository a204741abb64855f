"""The one rule for dates: which day a run scores, and when that day begins and ends."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from pipeline.errors import UsageError

# A day may be scored ahead of its time, but not so far that it hides all that will be published for years. The
# database holds the same bounds in `scoring.require_date`.
FIRST = date(1970, 1, 1)
AHEAD = timedelta(days=366)


class DateError(UsageError):
    """A score date that is not a date, or lies out of bounds."""


def score_date(
    asked: str | None,
    logical_date: datetime | None,
    run_after: datetime,
    zone: ZoneInfo,
    days_back: int = 0,
    schedule: str | None = None,
) -> date:
    """The day whose rows a run scores.

    The date that a person asked for comes first. Else it is the day, in the job's time zone, on which the run is due,
    less `days_back`: a scheduled or backfilled run is due at its logical date; so is a run that somebody triggers with
    one; a run triggered without is due now.

    Args:
        asked: the Param `score_date`, for example "2013-07-01", or None or "" when left blank.
        logical_date: the run's logical date, None for a run triggered without one.
        run_after: the earliest instant at which Airflow may start the run; every run has one.
        zone: the job's time zone.
        days_back: how many days before the due day the scored day lies.
        schedule: the cron expression that made the run due, None for a run that a person triggered.

    Raises:
        DateError: `asked` is not a date in ISO form, or the day is out of bounds.
    """
    if asked:
        return parse(asked)
    due = logical_date or run_after
    day = _scheduled_day(due, zone, schedule) if schedule else due.astimezone(zone).date()
    return _bounded(day - timedelta(days=days_back))


def _scheduled_day(due: datetime, zone: ZoneInfo, schedule: str) -> date:
    """The day on which a schedule means a run to be due.

    A time that the clocks skip comes as much later as they skip, and where they skip midnight on the next day: half
    past eleven at night in Nuuk on 2024-03-30 was half past midnight on the 31st.
    """
    clock = due.astimezone(zone).replace(tzinfo=None)
    before = (due - timedelta(days=1)).astimezone(zone).utcoffset() or timedelta()
    skipped = due.astimezone(UTC).replace(tzinfo=None) + before
    if skipped.date() == clock.date() or croniter.match(schedule, clock):
        return clock.date()
    comes = skipped.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    meant = skipped != comes == clock and croniter.match(schedule, skipped)
    return skipped.date() if meant else clock.date()


def due_times(schedule: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The instants (UTC) at which Airflow holds a schedule to be due, after one instant and until another.

    As its CronTriggerTimetable has them when the clocks change: a time that they skip comes as much later, one that
    comes twice counts the second time, and a schedule of every hour goes by the hours that pass.
    """
    # From before, for the two times of an hour that comes twice are told apart by what was due before.
    due = _next_due(schedule, zone, after - timedelta(days=2))
    while due <= until:
        if due > after:
            yield due
        due = _next_due(schedule, zone, due)


def _next_due(schedule: str, zone: ZoneInfo, before: datetime) -> datetime:
    clock = before.astimezone(zone).replace(tzinfo=None)
    cron = croniter(schedule, clock)
    upcoming: datetime = cron.get_next(datetime)
    if cron.expanded[1] == ["*"]:
        return before.astimezone(UTC) + (upcoming - clock)
    return instant(upcoming, zone)


def instant(clock: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a local time: the second of two; where there is none, as much later as the clocks skip."""
    second = clock.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second.astimezone(zone).replace(tzinfo=None) == clock:
        return second
    return clock.replace(tzinfo=zone, fold=0).astimezone(UTC)


def parse(text: str) -> date:
    """Read a date such as 2013-07-01, and nothing else.

    Raises:
        DateError: the text is not a date in ISO form, or the day is out of bounds.
    """
    return _bounded(any_day(text))


def any_day(text: str) -> date:
    """Read a date, whether or not it lies within the bounds of what may be scored.

    Raises:
        DateError: the text is not a date in ISO form.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise DateError(f"score date {text!r} is not a date. Write it as YYYY-MM-DD, for example 2013-07-01.")
    return day


def parse_range(first: str, last: str | None) -> tuple[date, date]:
    """Read the first and the last date of a range, which is of one date where no last one is named.

    Raises:
        DateError: one is not a date in ISO form or out of bounds, or the last one is before the first.
    """
    between = parse(first), parse(last or first)
    if between[1] < between[0]:
        raise DateError(f"{last} is before {first}. Give the first score date first.")
    return between


def parse_or_none(text: str) -> date | None:
    """The score date of a name in the store; None where the name is no date."""
    try:
        return parse(text)
    except DateError:
        return None


def interval(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants (UTC) at which a local day begins and ends; 23 or 25 hours apart when the clocks change.

    Raises:
        DateError: the day is the first or last of the calendar.
    """
    try:
        start = datetime.combine(day, time(), zone)
        end = datetime.combine(day + timedelta(days=1), time(), zone)
        return start.astimezone(UTC), end.astimezone(UTC)
    except OverflowError as error:
        raise DateError(
            f"score date {day} is at the end of the calendar. Name a day that has data."
        ) from error


def query_values(day: date, zone: ZoneInfo) -> dict[str, date | datetime | int]:
    """The values that a query's parameters have for a score date, where one connection reads all rows.

    Raises:
        DateError: the day is the first or last of the calendar.
    """
    start, end = interval(day, zone)
    return {"score_date": day, "interval_start": start, "interval_end": end, "shard": 0, "shards": 1}


def _bounded(day: date) -> date:
    last = datetime.now(UTC).date() + AHEAD
    if not FIRST <= day <= last:
        raise DateError(f"score date {day} is not between {FIRST} and {last}. Name a day that has data.")
    return day
