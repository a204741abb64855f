"""What of a score date asks for a look, from every source: the gate's findings, the outcomes, the promise."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Alarm:
    """Something that asks for a look.

    Attributes:
        word: a few words, for a headline.
        sentence: the reason in numbers.
    """

    word: str
    sentence: str


@dataclass(frozen=True)
class Promise:
    """A score date that fell due, and what became of it: a row of the view `punctuality`.

    Attributes:
        job: the job.
        score_date: its score date.
        promised_at: until when it was to be published.
        published_at: when it was, by the job's own model.
        status: as the view has it.
        run_id: the last run of the score date.
        is_late: whether the promise is not kept, and its time has passed.
    """

    job: str
    score_date: date
    promised_at: datetime
    published_at: datetime | None
    status: str
    run_id: int | None
    is_late: bool


def of_findings(findings: Sequence[Mapping[str, str]]) -> Iterator[Alarm]:
    """One for each finding of the gate."""
    for finding in findings:
        check = finding["check"]
        yield Alarm(_CHECKS.get(check, check.replace("_", " ")), finding["message"])


def of_outcomes(outcomes: Mapping[str, float]) -> Iterator[Alarm]:
    """One for each slice whose groups differ and each other alarm, and one where the model has seen the score date."""
    raised = [name for name, value in outcomes.items() if _ALARM.search(name) and value > 0]
    gaps: dict[str, list[str]] = {}
    for name in raised:
        figure, _, column = name.partition(_GAP_ALARM)
        if column:
            gap = outcomes.get(f"{figure}_gap:{column}")
            size = "" if gap is None else f" by up to {gap:.3g}"
            gaps.setdefault(column, []).append(f"{_words(figure)}{size}")
    for column, figures in gaps.items():
        sentence = f"outcomes by {column} differ more than chance allows: {', '.join(figures)}"
        yield Alarm(_differ(column), sentence)
    # Their number says nothing that they do not say themselves.
    for name in [name for name in raised if name != _NUMBER] or raised:
        if name == "quality_alarm":
            evidence = outcomes.get("quality_evidence")
            times = "" if evidence is None else f": the evidence is {evidence:.3g} times its limit"
            yield Alarm("worse than in training", f"outcomes: the model is worse than in training{times}")
        elif _GAP_ALARM not in name:
            yield Alarm(_words(name), f"outcomes: {_words(name)} is {outcomes[name]:.3g}")
    if outcomes.get("in_sample"):
        yield Alarm(
            _CHECKS["in_sample"],
            "outcomes: the model was trained on this score date, so they do not say how good it is on new days",
        )


def gaps(outcomes: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The word of each alarm of groups, and the figures that differ, each with its difference."""
    raised: dict[str, dict[str, float]] = {}
    for name, value in outcomes.items():
        figure, _, column = name.partition(_GAP_ALARM)
        if column and value > 0:
            size = outcomes.get(f"{figure}_gap:{column}", 0.0)
            raised.setdefault(_differ(column), {})[name] = size
    return raised


def of_promise(promise: Promise | None) -> Iterator[Alarm]:
    """One where the promise is not kept, or was kept too late."""
    if promise is None:
        return
    until = f"promised by {promise.promised_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if promise.status == "published_late" and promise.published_at:
        late = lasted(promise.published_at - promise.promised_at)
        yield Alarm(f"published {late} late", f"{until}, published {late} later")
    elif promise.is_late:
        yield Alarm("late", f"{until}: {PROMISED[promise.status]}")


def of_late(late: Mapping[str, Any] | None) -> Iterator[Alarm]:
    """One where the source gave other rows when it was last read again."""
    if late and (late["rows_new"] or late["rows_gone"] or late["rows_changed"]):
        counts = f"{late['rows_changed']:,} changed, {late['rows_gone']:,} gone, {late['rows_new']:,} new"
        yield Alarm("late data", f"the source gives other rows than were scored: {counts}")


def lasted(span: timedelta) -> str:
    """A span of time, in its two largest units."""
    minutes = max(round(span.total_seconds() / 60), 1)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (rest, "min")]
    first = next(place for place, (number, _) in enumerate(units) if number)
    return " ".join(f"{number} {unit}" for number, unit in units[first : first + 2] if number)


def _differ(column: str) -> str:
    return f"groups differ by {column}"


def _words(name: str) -> str:
    return name.replace(":", " ").replace("_", " ")


_ALARM = re.compile(r"(^|_)alarms?(:|$)")
_GAP_ALARM = "_gap_alarm:"
_NUMBER = "alarms"
# The gate's checks, in a few words; any other goes by its name.
_CHECKS = {
    "min_rows": "too few rows",
    "rejected_fraction": "many rows rejected",
    "constant_score": "one score for all rows",
    "drift": "features drift",
    "score_drift": "scores drift",
    "lasting_drift": "drift that stays",
    "slice_drift": "drift in one slice",
    "volume": "an unusual number of rows",
    "model_age": "an old model",
    "in_sample": "the model was trained on this day",
}
# What the view `punctuality` says, for a reader.
PROMISED = {
    "published": "published in time",
    "published_late": "published late",
    "empty": "no rows, which the job skips",
    "due": "not published yet",
    "late": "its run is not over",
    "missing": "no run has begun",
    "skipped": "skipped by an outage",
    "held": "a person decides",
    "failed": "its run failed",
    "rejected": "its run was rejected",
    "fallback": "a fallback is served",
    "withdrawn": "the promise was withdrawn",
}
