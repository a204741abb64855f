"""What each night lost, as the quality alarm counts it: the share of the base rate's loss that the scores left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from benchmarks.nights import Nights
from benchmarks.spoil import Floats
from pipeline.monitoring.references import LEAST_OUTCOMES

# What may be done to the scores of a binary model.
FAULTS: Mapping[str, Callable[[Floats], Floats]] = {
    "none": lambda scores: scores,
    "scores x1.5": lambda scores: np.minimum(scores * 1.5, 1),
    "odds x1.5": lambda scores: 1.5 * scores / (1 + 0.5 * scores),
    "other rows' scores": lambda scores: np.roll(scores, len(scores) // 3),
}


@dataclass(frozen=True)
class Losses:
    """What the nights of a table lost.

    Attributes:
        training: of each training night, by scores of a model that had not seen it.
        later: fault -> of each later night.
        scored: of each later night what became of its entities, and their scores, without a fault.
    """

    training: Floats
    later: Mapping[str, Floats]
    scored: Sequence[tuple[Floats, Floats]] = ()


def losses_of(nights: Nights) -> Losses:
    """What the nights of a table lost, by each fault."""
    base = float(np.concatenate([outcome for outcome, _ in nights.unseen.values()]).mean())
    training = [relative(outcome, scores, base) for outcome, scores in nights.unseen.values()]
    later: dict[str, list[float]] = {name: [] for name in FAULTS}
    every = scored(nights)
    for outcome, scores in every:
        for name, spoil in FAULTS.items():
            later[name].append(relative(outcome, spoil(scores), base))
    return Losses(_known(training), {name: _known(values) for name, values in later.items()}, every)


def scored(nights: Nights) -> list[tuple[Floats, Floats]]:
    """What became of the entities of each later night with enough outcomes, and their scores."""
    every = []
    for day, rows in nights.later.items():
        outcome, scores = _actual(nights, day, rows), nights.score(rows)
        has = ~np.isnan(outcome)
        if has.sum() >= LEAST_OUTCOMES:
            every.append((outcome[has], scores[has]))
    return every


def relative(outcome: Floats, scores: Floats, base: float) -> float:
    """1 - `skill:base_rate`, as an evaluation has it; NaN of a night with too few outcomes."""
    if len(outcome) < LEAST_OUTCOMES:
        return float("nan")
    return _log_loss(outcome, scores) / _log_loss(outcome, np.full(len(outcome), base))


def _log_loss(outcome: Floats, scores: Floats) -> float:
    """As scikit-learn has it, in a tenth of its time."""
    least = np.finfo(np.float64).eps
    certain = np.clip(scores, least, 1 - least)
    return -float(np.where(outcome == 1, np.log(certain), np.log1p(-certain)).mean())


def flights_unseen(nights: Nights) -> dict[date, tuple[Floats, Floats]]:
    """What became of the flights of each training night, and the scores of models that had not seen its week."""
    from models.flight_delay.train import arrived, out_of_fold

    rows = pd.concat(
        [rows.assign(score_date=day, late=_actual(nights, day, rows)) for day, rows in nights.before.items()],
        ignore_index=True,
    )
    # As training reads them: a column without a gap is whole numbers in one window and not in another.
    rows = rows.astype({"plane_year": "float64", "seats": "float64"})
    scored = arrived(out_of_fold(rows.assign(late=rows["late"].map({1.0: True, 0.0: False}))))
    by_day = {day: scored[scored["score_date"] == day] for day in nights.before}
    return {
        day: (night["late"].to_numpy(np.float64), night["out_of_fold"].to_numpy())
        for day, night in by_day.items()
    }


def drawn(random: np.random.Generator, count: int, rows: int = 300) -> Floats:
    """What drawn nights lost by calibrated scores: each night has a level of its own, which lasts for some days."""
    mood, moods = 0.0, np.empty(count)
    for night in range(count):
        mood = 0.5 * mood + random.normal(0, 0.5)
        moods[night] = mood
    known = random.normal(-1.8, 1.0, (count, rows))
    outcome = random.random((count, rows)) < 1 / (1 + np.exp(-known - moods[:, None]))
    # The score does not know the night's level: the chance over all of them, by the usual approximation.
    scores = 1 / (1 + np.exp(-known / np.sqrt(1 + np.pi / 8 * moods.var())))
    own = -np.where(outcome, np.log(scores), np.log1p(-scores)).mean(axis=1)
    base = outcome.mean()
    other: Floats = -np.where(outcome, np.log(base), np.log1p(-base)).mean(axis=1)
    relative_loss: Floats = own / other
    return relative_loss


def _actual(nights: Nights, day: date, rows: pd.DataFrame) -> Floats:
    return nights.actual(day, rows) if nights.actual else np.full(len(rows), np.nan)


def _known(values: list[float]) -> Floats:
    every = np.array(values)
    known: Floats = every[np.isfinite(every)]
    return known
