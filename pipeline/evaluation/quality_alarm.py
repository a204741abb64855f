"""The quality alarm of a job: what its measured days say together, beside ordinary days.

Two figures of a day are followed: what it lost, and how rare low scores were. All of it is computed anew from what is
stored, in order of score date: a date that is measured again, or late, counts once, and what it changes of later dates
is entered, too.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from pipeline.databases import postgres, statements, waiting
from pipeline.evaluation import e_detector, low_scores
from pipeline.evaluation.e_detector import Floats, Ordinary, State
from pipeline.integrations import outbox, quality_messages
from pipeline.integrations.outbox import Alert
from pipeline.integrations.quality_messages import Incident
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.references import LEAST_OUTCOMES

log = logging.getLogger(__name__)

_SQL = statements.load("evaluation/quality")

# Where training left no losses, so many measured days say what is ordinary.
FIRST_DAYS = 28

Day = Mapping[str, Any]

_NAMES = ("quality_evidence", "quality_alarm", "quality_reference")


@dataclass(frozen=True)
class Quality:
    """Where the quality of a job stands.

    Attributes:
        sentence: how its days so far compare with those of training.
        metrics: what was entered of the day that was measured.
    """

    sentence: str
    metrics: dict[str, float]


def update(database_url: str, job: str, pinned: PinnedVersion, run_id: int, rate: float) -> Quality:
    """Compute what the measured days of a version say together, enter it, and begin or end the job's incident.

    Args:
        database_url: the predictions database.
        job: the job's name.
        pinned: the version that scored the day that was measured.
        run_id: the run of that day.
        rate: share of years that may have an alarm while the model is no worse.

    Raises:
        ModelError: a file of the version is missing or altered.
    """
    if pinned.manifest.outcome is None:
        return Quality(
            "The model was registered without --outcome, so that nothing tells whether it is worse.", {}
        )
    trained, rare = _trained(pinned)

    def work(connection: sa.Connection) -> Quality:
        values = {"job": job, "model_name": pinned.manifest.name, "model_version": pinned.manifest.version}
        connection.execute(sa.text(_SQL["lock"]), values)
        asked = {**values, "least": LEAST_OUTCOMES, "low_bins": low_scores.BINS}
        days: list[Day] = [dict(row) for row in connection.execute(sa.text(_SQL["days"]), asked).mappings()]
        lost, low, counting = _figures(days)
        first = 0 if trained else FIRST_DAYS
        loss = trained or _by_first(lost[:first].tolist())
        ordinary = [each for each in (loss, rare) if each] if loss else []
        followed = np.column_stack([lost, counting])[first:, : len(ordinary)]
        states = e_detector.follow(ordinary, followed.tolist(), rate)
        metrics = [_metrics(None)] * (len(days) - len(states)) + [_metrics(state) for state in states]
        _enter(connection, job, days, metrics)
        _incident(connection, values, days, states)
        own = [each for day, each in zip(days, metrics, strict=True) if day["run_id"] == run_id]
        return Quality(_sentence(ordinary, low, states, trained=bool(trained)), own[0] if own else {})

    return waiting.patiently(database_url, f"entering the quality of {job}", work)


def tell(
    database_url: str, job: str, recipient: str, standing: str, write: Callable[[Incident], Alert]
) -> bool:
    """Keep a message of each incident that people know nothing of yet, for the outbox to send; whether there was one.

    Args:
        database_url: the predictions database.
        job: the job's name.
        recipient: id of the connection whose addresses get it.
        standing: how the days so far compare with those of training, in a sentence.
        write: makes the message of an incident.
    """
    with postgres.engine(database_url).begin() as connection:
        incidents = connection.execute(sa.text(_SQL["untold"]), {"job": job}).mappings().all()
        for row in incidents:
            model = f"{row['model_name']} version {row['model_version']}"
            incident = Incident(row["began_on"], row["ended_on"], model, standing)
            # One that ended before anybody was told of it needs no message at all.
            if incident.ended_on is None or "began" in row["told"]:
                outbox.enqueue(connection, recipient, write(incident))
            event = "began" if incident.ended_on is None else "ended"
            connection.execute(sa.text(_SQL["told"]), {**row, "job": job, "event": event})
    return bool(incidents)


def _trained(pinned: PinnedVersion) -> tuple[Ordinary | None, Ordinary | None]:
    """What is ordinary of each figure, by training's days and scores of models that had not seen them.

    None where too little is known of them.
    """
    if pinned.manifest.profile_sha256 is None:
        return None, None
    reference = references.load(pinned)
    losses, rare = list(reference.losses.values()), low_scores.of_training(pinned, reference)
    enough = len(losses) >= references.ENOUGH_DAYS
    return Ordinary.of(losses) if enough else None, Ordinary.of(rare, low_scores.ERRORS) if rare else None


def _by_first(losses: Sequence[float]) -> Ordinary | None:
    """What is ordinary by the first measured days, with more doubt; None before these are enough."""
    return Ordinary.of(losses, e_detector.FIRST_ERRORS) if len(losses) == FIRST_DAYS else None


def _figures(days: Sequence[Day]) -> tuple[Floats, Floats, Floats]:
    """What each day lost, how rare low scores were, and how rare where outcomes say that scores are too high.

    NaN where its profile is gone.
    """
    lost, low, scores, score, came = (
        np.array([day[name] for day in days], np.float64)
        for name in ("skill", "low", "scores", "score", "came")
    )
    rare = np.where(scores > 0, low_scores.rarity(low, scores), np.nan)
    return 1 - lost, rare, low_scores.where_too_high(rare, score, came)


def _metrics(state: State | None) -> dict[str, float]:
    """What is entered of a day: where the evidence stands, or that it says itself what is ordinary."""
    if state is None:
        return {"quality_reference": 1.0}
    return {"quality_evidence": state.evidence, "quality_alarm": float(state.alarm)}


def _enter(
    connection: sa.Connection, job: str, days: Sequence[Day], metrics: Sequence[Mapping[str, float]]
) -> None:
    """Enter what has changed: of most days nothing has."""
    changed = [
        (day["run_id"], name, value)
        for day, entered in zip(days, metrics, strict=True)
        if {name: day[name] for name in _NAMES if day[name] is not None} != entered
        for name, value in entered.items()
    ]
    if changed:
        run_ids, names, numbers = map(list, zip(*changed, strict=True))
        values = {"job": job, "run_ids": run_ids, "metrics": names, "numbers": numbers}
        connection.execute(sa.text(_SQL["enter"]), values)


def _incident(
    connection: sa.Connection,
    version: Mapping[str, Any],
    days: Sequence[Day],
    states: Sequence[State],
) -> None:
    """Begin or end the job's incident, where this version scored the newest day that is measured."""
    newest = connection.execute(sa.text(_SQL["newest"]), version).mappings().one_or_none()
    if newest is None or any(newest[name] != version[name] for name in ("model_name", "model_version")):
        return
    if not (states and states[-1].alarm):
        connection.execute(sa.text(_SQL["end"]), {**version, "day": newest["score_date"]})
        return
    quiet = [number for number, state in enumerate(states) if not state.alarm]
    first = len(days) - len(states) + (quiet[-1] + 1 if quiet else 0)
    connection.execute(sa.text(_SQL["begin"]), {**version, "day": days[first]["score_date"]})


def _sentence(ordinary: Sequence[Ordinary], low: Floats, states: Sequence[State], *, trained: bool) -> str:
    if not states:
        return quality_messages.none_yet(None if trained else min(len(low), FIRST_DAYS), FIRST_DAYS)
    last, days = states[-1], "training's days" if trained else f"the first {FIRST_DAYS} measured days"
    rare = low[-last.days :]
    shares = None
    if len(ordinary) > 1 and np.isfinite(rare).any():
        shares = float(np.exp(-np.nanmean(rare))), float(np.exp(-ordinary[1].mean))
    losses = last.means[0], ordinary[0].mean
    return quality_messages.standing(last.days, days, losses, shares, last.evidence)
