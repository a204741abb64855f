"""What people are told of promises that were not kept: one message a cause, and one all-clear."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

# The statuses of the view `punctuality` by which a promise is not kept, once its time has passed.
LAPSES = ("late", "missing", "skipped", "held", "failed", "rejected", "fallback")
# The job file could not be used when the score date fell due: people were told of that.
BROKEN = "broken"
# What is no news once people have been told of the incident: a run that has begun, and what a person decided.
_QUIET = {"late", "rejected"}


@dataclass(frozen=True)
class DueDate:
    """A score date that fell due.

    Attributes:
        score_date: the day whose rows are scored.
        due_at: when its run was due.
        promised_at: until when it was to be published.
        status: as the view `punctuality` has it.
        run_id: its last run, if any.
        reason: why that run ended as it did.
        incident: the first score date of its incident; None where nothing is open.
        told: the causes that people were told of.
    """

    score_date: date
    due_at: datetime
    promised_at: datetime
    status: str
    run_id: int | None = None
    reason: str | None = None
    incident: date | None = None
    told: tuple[str, ...] = ()

    def lapse(self, now: datetime) -> str | None:
        """Why the promise is not kept at an instant; None while it may still be, or is."""
        return self.status if self.status in LAPSES and now > self.promised_at else None


@dataclass(frozen=True)
class News:
    """What people are told.

    Attributes:
        incident: the first score date of the incident.
        cause: one of `LAPSES`; None for the all-clear.
        dates: the score dates that it is about, the earliest first.
        at: the instant of the look.
    """

    incident: date
    cause: str | None
    dates: tuple[DueDate, ...]
    at: datetime


@dataclass(frozen=True)
class Decision:
    """What follows from a look at a job's score dates.

    Attributes:
        dates: all of them, with the incident of each and what people will have been told.
        news: what they are told now.
    """

    dates: tuple[DueDate, ...]
    news: tuple[News, ...]


def decide(dates: Sequence[DueDate], now: datetime) -> Decision:
    """Find what people have to be told of a job.

    Score dates in a row that are not kept are one incident, of which each cause is told once. When all of them are
    kept there is one all-clear.

    Args:
        dates: the job's, in the order in which they fell due.
        now: the instant of the look.
    """
    joined = _joined(dates, now)
    news: list[News] = []
    decided: dict[date, DueDate] = {one.score_date: one for one in joined}
    for incident in sorted({one.incident for one in joined if one.incident}):
        members = [one for one in joined if one.incident == incident]
        if any(one.lapse(now) or _is_open(one, now) for one in members):
            causes = {cause for one in members for cause in one.told}
            for cause in _causes(members, causes, now):
                members_of = tuple(one for one in members if one.lapse(now) == cause)
                news.append(News(incident, cause, members_of, now))
                causes.add(cause)
            members = [replace(one, told=tuple(sorted(causes))) for one in members]
        else:
            # Not weeks later, where its first date was never published and is nobody's alarm any more.
            if members[0].score_date == incident:
                news.append(News(incident, None, tuple(members), now))
            members = [replace(one, incident=None, told=()) for one in members]
        decided |= {one.score_date: one for one in members}
    return Decision(tuple(decided[one.score_date] for one in joined), tuple(news))


def _joined(dates: Sequence[DueDate], now: datetime) -> list[DueDate]:
    """The dates, each that is not kept in an incident: that of the date before it where that is not kept either."""
    joined: list[DueDate] = []
    for one in dates:
        if one.lapse(now) and one.incident is None:
            before = joined[-1] if joined else None
            ongoing = before.incident if before and before.lapse(now) else None
            one = replace(one, incident=ongoing or one.score_date)
        joined.append(one)
    return joined


def _is_open(one: DueDate, now: datetime) -> bool:
    """Whether people were told of a date that may still be published in time."""
    return one.status not in ("published", "published_late", "empty", "withdrawn") and now <= one.promised_at


def _causes(members: Sequence[DueDate], known: set[str], now: datetime) -> list[str]:
    quiet = _QUIET | ({"missing"} if BROKEN in known else set())
    causes: list[str] = []
    for cause in LAPSES:
        is_news = cause not in known and not (cause in quiet and (known or causes))
        if is_news and any(one.lapse(now) == cause for one in members):
            causes.append(cause)
    return causes
