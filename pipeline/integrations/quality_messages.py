"""The texts about quality: a job is worse than its model was in training, and that it is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipeline.integrations.outbox import Alert
from pipeline.integrations.subject import Subject

WORSE = "the model is worse than in training"
OVER = "the model is as good as in training again: all clear"


@dataclass(frozen=True)
class Incident:
    """A time in which a job's outcomes were worse than its model's were in training.

    Attributes:
        began_on: the score date on which the evidence reached its limit.
        ended_on: the score date on which it was over; None while it lasts.
        model: name and version of the model.
        standing: a sentence with the numbers.
    """

    began_on: date
    ended_on: date | None
    model: str
    standing: str


def alert(subject: Subject, incident: Incident, rate: float) -> Alert:
    """The message of an incident: that it has begun, or that it is over.

    Args:
        subject: the job, and the score date that was measured last.
        incident: what is to be told.
        rate: share of years that may have such a message while the model is no worse.
    """
    job = subject.job.name
    if incident.ended_on is None:
        title, event = WORSE, "began"
        body = [
            f"The days of {job} until {subject.score_date} are worse than those of {incident.model} in training. "
            f"{incident.standing}",
            f"A model that is no worse brings this message in at most {100 * rate:g}% of years.",
            "The scores are published all the same. Look first at what feeds them: did a source, a unit or the "
            "outcomes query change? If the model itself is out of date, train it again, or point its alias in "
            "versions.toml at a version that was better.",
            f"$ scoring runs {job}",
        ]
    else:
        title, event = OVER, "ended"
        body = [
            f"Since {incident.ended_on} the days of {job} are no worse than in training. It had begun on "
            f"{incident.began_on}, with {incident.model}. {incident.standing}",
            "Nothing is to be done.",
        ]
    return Alert(
        job=job,
        score_date=subject.score_date,
        # Who was told stands beside the incident. One that begins anew after an all-clear is news.
        cause=f"{job} quality since {incident.began_on} {incident.model}: {event} at {datetime.now(UTC).isoformat()}",
        title=f"{job} {subject.score_date}: {title}",
        body="\n\n".join([*body, f"Look at it: {subject.report}", f"Owner: {subject.job.owner}"]),
    )


def standing(
    days: int, ordinary: str, losses: tuple[float, float], low: tuple[float, float] | None, evidence: float
) -> str:
    """How the days so far compare with ordinary ones.

    Args:
        days: how many the first figures are of.
        ordinary: what they are compared with, in words.
        losses: the share of the base rate's loss that they left, and that ordinary days left.
        low: the share of a typical day's scores that are low, now and in training; None where it is not followed.
        evidence: in units of its limit.
    """
    last = "The last measured day" if days == 1 else f"The last {days} measured days"
    sentences = [f"{last} left {losses[0]:.0%} of the base rate's loss, {ordinary} {losses[1]:.0%}."]
    if low:
        sentences.append(
            f"Of a typical day's scores {low[0]:.1%} were as low as the lowest tenth of training's, "
            f"in training {low[1]:.1%}."
        )
    return " ".join([*sentences, f"The evidence that the model is worse is at {evidence:.2f} of its limit."])


def none_yet(measured: int | None, first: int) -> str:
    """Why nothing is said yet.

    Args:
        measured: of the first days, which say what is ordinary, how many there are; None where training says it.
        first: how many it takes.
    """
    if measured is None:
        return "No day counts yet: it takes 30 outcomes, and a score date that the model has not seen."
    return (
        f"What is ordinary is read off the first {first} measured days, since the model was registered without scores "
        f"of enough training days that it had not seen. Measured so far: {measured}."
    )


def sentence(outcomes: Mapping[str, float]) -> str | None:
    """What the outcomes until this date say of the model; None where they say nothing, or were not measured."""
    evidence = outcomes.get("quality_evidence")
    if outcomes.get("quality_reference"):
        return "This score date is one of the first, which say what is ordinary: later ones are compared with it."
    if evidence is None:
        return None
    if outcomes.get("quality_alarm"):
        return "The days until this score date are worse than those of training: the quality alarm is on."
    return (
        f"The days until this score date are as in training: the evidence is at {evidence:.2f} of its limit."
    )
