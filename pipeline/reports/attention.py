"""What needs a person: each with its reason, where to look or decide, and the command."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from pipeline.reports import alarms
from pipeline.reports.alarms import Promise
from pipeline.reports.days import DaySummary
from pipeline.reports.jobs import JobFacts
from pipeline.reports.links import Links

# A failed score date of longer ago is no news; the calendar has it.
_RECENT = 7


@dataclass(frozen=True)
class Item:
    """Something that needs a person.

    Attributes:
        level: bad, where analysts lack something; warn, where somebody should look.
        job: whose it is.
        days: the score dates, in words; empty for a job file.
        word: what is the matter, in a word or two.
        reason: why, in numbers.
        links: where to look or decide.
        command: what to type.
    """

    level: str
    job: str
    days: str
    word: str
    reason: str
    links: tuple[tuple[str, str], ...]
    command: str


def items(
    job: str, days: Sequence[DaySummary], promises: Sequence[Promise], facts: JobFacts | None, links: Links
) -> list[Item]:
    """What of a job needs a person, the newest first.

    Args:
        job: the job.
        days: its last score dates, in order.
        promises: its score dates that fell due.
        facts: what its file says; None where there is no file.
        links: where pages are.
    """
    broken = []
    if facts and facts.error:
        broken.append(Item("bad", job, "", "broken job file", facts.error, (), "scoring jobs"))
    late = {promise.score_date: promise for promise in promises if promise.is_late}
    looked_at_again = [day.score_date for day in days if day.outcomes or day.late]
    newest = {day.score_date for day in days[-1:]} | set(looked_at_again[-1:])
    dated = [
        item
        for place, day in enumerate(days)
        if (item := _of_day(day, late.pop(day.score_date, None), links, newest, place >= len(days) - _RECENT))
    ]
    return [*broken, *_without_a_run(job, list(late.values()), links), *reversed(dated)]


def _of_day(
    day: DaySummary, promise: Promise | None, links: Links, newest: set[date], recent: bool
) -> Item | None:
    """What of a score date needs a person."""
    state = _state(day)
    if state is None or not (promise or _is_news(day, state.word, newest, recent)):
        return None
    why = [alarm.sentence for alarm in day.news] if state.word == _CHECK else [day.status_reason]
    why += [alarm.sentence for alarm in alarms.of_promise(promise)]
    run_id = day.held_run_id or day.failed_run_id or day.run_id
    form = links.form(day.job, day.trigger) if day.held_run_id else None
    return Item(
        level="bad" if promise else state.level,
        job=day.job,
        days=str(day.score_date),
        word=f"late: {state.word}" if promise else state.word,
        reason="; ".join(filter(None, why)),
        links=(*([("Approve or reject", form)] if form else []), ("Report", links.report(day.job, run_id))),
        command=f"scoring {state.command.format(run=run_id, job=shlex.quote(day.job), day=day.score_date)}",
    )


def _state(day: DaySummary) -> "_State | None":
    """What became of a score date, the gravest first."""
    if day.held_run_id is not None:
        return _State("warn", "held", 'approve {run} --reason "WHY"')
    if day.rejected:
        return _State("bad", "rejected", "score {job} {day}")
    if not day.shown:
        return {
            "failed": _State("bad", "failed", "check {job} --date {day}"),
            "running": _State("none", "running", "runs {job}"),
        }.get(day.status)
    if day.failed_run_id is not None:
        return _State("warn", "failed afterwards", "check {job} --date {day}")
    if day.served_by != "model":
        return _State("warn", "a fallback is served", "score {job} {day}")
    return _State("warn", _CHECK, "show {run}") if day.news else None


def _is_news(day: DaySummary, word: str, newest: set[date], recent: bool) -> bool:
    """Whether somebody has to do something about a state without a promise that is broken by it."""
    return {"held": True, "failed": recent, "running": False}.get(word, day.score_date in newest)


def _without_a_run(job: str, late: Sequence[Promise], links: Links) -> Iterator[Item]:
    """Score dates that nobody began to score, those of one cause together."""
    for status, group in groupby(late, key=lambda promise: promise.status):
        promises = list(group)
        first, last = promises[0].score_date, promises[-1].score_date
        several = len(promises) > 1
        [alarm] = alarms.of_promise(promises[-1])
        yield Item(
            level="bad",
            job=job,
            days=f"{first} to {last}" if several else str(last),
            word=status,
            reason=f"{len(promises)} score dates, the last {alarm.sentence}" if several else alarm.sentence,
            links=(("DAG", links.dag(job)),),
            command=f"scoring score {shlex.quote(job)} {first}{f' {last}' if several else ''}",
        )


@dataclass(frozen=True)
class _State:
    level: str
    word: str
    command: str


_CHECK = "to check"
