"""A score date as pages list it, and how it is to be seen at a glance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.reports import alarms
from pipeline.reports.alarms import Alarm
from pipeline.reports.sections import challenger

# Groups that differ are news once in this time, and again where they differ by so many times as much as ever in it. In
# the sample they do on 58 of 183 days, most of the summer's, which would tell nobody anything: 10 of them are news.
_REMEMBERED = timedelta(days=28)
_GROWN = 1.5


@dataclass(frozen=True)
class DaySummary:
    """What stands for a job's score date: the run that analysts see, else its last try.

    Attributes:
        shown: whether analysts see this run.
        held_run_id: a run of that score date that waits for a person.
        failed_run_id: a later run of that score date, which was to take its place and failed.
        decided_by: who approved or rejected it.
        started_at: when it began.
        trigger: what started the run, or the one that waits for a person.
        model_name: its model.
        model_version: the model's version.
        score_mean: of the run's scores, where it came that far.
        findings: what its gate found unusual.
        outcomes: figures of its outcomes, once they are known, and their alarms.
        challenger: of its job: the last challenger, and what was measured of it; None where it has none.
        late: rows new, gone and changed when its source was last read again; None where it was not.
        as_before: words of its alarms that are no news: groups differ as they did not long ago.
    """

    job: str
    score_date: date
    run_id: int
    status: str
    status_reason: str | None
    served_by: str
    staleness_days: int
    rows_scored: int | None
    rows_rejected: int | None
    shown: bool
    held_run_id: int | None
    failed_run_id: int | None
    decided_by: str | None
    started_at: datetime
    trigger: str
    model_name: str | None
    model_version: int | None
    score_mean: float | None
    findings: Sequence[Mapping[str, str]]
    outcomes: Mapping[str, float]
    challenger: Mapping[str, Any] | None = None
    late: Mapping[str, int] | None = None
    as_before: frozenset[str] = frozenset()

    @property
    def level(self) -> str:
        """As a traffic light: good, warn, bad; none where there is nothing to show."""
        if self.held_run_id is not None:
            return "warn"
        if self.shown and (self.news or self.served_by != "model" or self.failed_run_id):
            return "warn"
        if self.shown:
            return "good"
        return "bad" if self.status == "failed" or self.rejected else "none"

    @property
    def alarms(self) -> list[Alarm]:
        """What its gate, its outcomes and its source ask to look at."""
        return [
            *alarms.of_findings(self.findings),
            *alarms.of_outcomes(self.outcomes),
            *alarms.of_late(self.late),
        ]

    @property
    def news(self) -> list[Alarm]:
        """Its alarms without those that are as before."""
        return [alarm for alarm in self.alarms if alarm.word not in self.as_before]

    @property
    def notes(self) -> list[str]:
        """What there is to look at, and what is as before, in a few words."""
        words = ", ".join(dict.fromkeys(alarm.word for alarm in self.news))
        return [
            *([f"to check: {words}"] if words else []),
            *(f"{word} as before" for word in sorted(self.as_before)),
        ]

    def figure(self, metric: str) -> float | None:
        """A figure of its outcomes; None where the model was trained on that day, or there is none."""
        return None if self.outcomes.get("in_sample") else self.outcomes.get(metric)

    @property
    def beside(self) -> str:
        """How its job's challenger does, in a few words."""
        return challenger.brief(self.challenger)

    @property
    def rejected(self) -> bool:
        """Whether it was held, and nobody approved it."""
        return self.status == "abandoned" and self.decided_by is not None


def remembering(days: Sequence[DaySummary]) -> list[DaySummary]:
    """The same days, in order of job and score date, each knowing which of its alarms are as before."""
    raised: dict[tuple[str, str], list[tuple[date, float]]] = {}
    remembered = []
    for day in days:
        words = alarms.gaps(day.outcomes)
        news = set()
        for word, figures in words.items():
            for name, size in figures.items():
                earlier = raised.setdefault((day.job, name), [])
                sizes = [other for when, other in earlier if when >= day.score_date - _REMEMBERED]
                if not sizes or size > _GROWN * max(sizes):
                    news.add(word)
                earlier.append((day.score_date, size))
        remembered.append(replace(day, as_before=frozenset(words.keys() - news)))
    return remembered


def by_day(
    days: Sequence[DaySummary], last: date, value: Callable[[DaySummary], float | None]
) -> dict[date, float | None]:
    """A value for every day from the first to `last`; None where there is none, or nobody saw it."""
    shown = {day.score_date: value(day) for day in days if day.shown or day.score_date == last}
    first = min(shown, default=last)
    return {
        day: shown.get(day)
        for day in (first + timedelta(number) for number in range((last - first).days + 1))
    }
