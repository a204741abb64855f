"""What the quality alarm follows of each night: its share of the base rate's loss, and how rare low scores were."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from benchmarks.nights import Nights
from benchmarks.spoil import Floats
from pipeline.evaluation import low_scores
from pipeline.monitoring.bins import TENTHS
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
    """Of a table's nights, of shape (nights, 4): loss, how rare low scores were, mean score, and how often it came.

    The loss alone where the lowest tenth of training's scores is no tenth.

    Attributes:
        training: of each training night, by scores of a model that had not seen it.
        later: fault -> of each later night.
        scored: of each later night what became of its entities, and their scores, without a fault.
    """

    training: Floats
    later: Mapping[str, Floats]
    scored: Sequence[tuple[Floats, Floats]] = ()


def losses_of(nights: Nights) -> Losses:
    """The figures of the nights of a table, by each fault."""
    before, every = list(nights.unseen.values()), scored(nights)
    base = float(np.concatenate([outcome for outcome, _ in before]).mean())
    edge = float(np.quantile(np.concatenate([scores for _, scores in before]), 1 / TENTHS))
    low = np.array([(scores < edge).sum() for _, scores in before])
    figures = 4 if low_scores.are_a_tenth(low, np.array([len(scores) for _, scores in before])) else 1

    def of(nights_: Sequence[tuple[Floats, Floats]], spoil: Callable[[Floats], Floats]) -> Floats:
        rows = [_figures(outcome, spoil(scores), base, edge)[:figures] for outcome, scores in nights_]
        every = np.array(rows)
        known: Floats = every[np.isfinite(every).all(axis=1)]
        return known

    later = {name: of(every, spoil) for name, spoil in FAULTS.items()}
    return Losses(of(before, FAULTS["none"]), later, every)


def _figures(outcome: Floats, scores: Floats, base: float, edge: float) -> tuple[float, ...]:
    rare = low_scores.rarity(float((scores < edge).sum()), float(len(scores)))
    return relative(outcome, scores, base), float(rare), float(scores.mean()), float(outcome.mean())


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
    """The figures of drawn nights with calibrated scores: what happens has a level that lasts for some days.

    The scores have one of their own besides, half as wide.
    """
    moods, levels = _lasting(random, count, 0.5), _lasting(random, count, 0.25)
    known = random.normal(-1.8, 1.0, (count, rows)) + levels[:, None]
    outcome = random.random((count, rows)) < 1 / (1 + np.exp(-known - moods[:, None]))
    # The score does not know the night's mood: the chance over all of them, by the usual approximation.
    scores = 1 / (1 + np.exp(-known / np.sqrt(1 + np.pi / 8 * moods.var())))
    base, edge = float(outcome.mean()), float(np.quantile(scores, 1 / TENTHS))
    nights_ = zip(outcome.astype(np.float64), scores, strict=True)
    return np.array([_figures(came, scored_, base, edge) for came, scored_ in nights_])


def _lasting(random: np.random.Generator, count: int, spread: float) -> Floats:
    """A level of each night, half of which is that of the night before."""
    level, levels = 0.0, np.empty(count)
    for night in range(count):
        level = 0.5 * level + random.normal(0, spread)
        levels[night] = level
    return levels


def _actual(nights: Nights, day: date, rows: pd.DataFrame) -> Floats:
    return nights.actual(day, rows) if nights.actual else np.full(len(rows), np.nan)
