"""What each night lost, as the quality alarm counts it: the share of the base rate's loss that the scores left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.nights import Nights
from benchmarks.spoil import Floats
from pipeline.evaluation import baselines
from pipeline.evaluation.metrics import LabelledScores, losses
from pipeline.monitoring.references import LEAST_OUTCOMES

# What may be done to the scores of a binary model.
FAULTS: Mapping[str, Callable[[Floats], Floats]] = {
    "none": lambda scores: scores,
    "scores x1.5": lambda scores: np.minimum(scores * 1.5, 1),
    "odds x1.5": lambda scores: 1.5 * scores / (1 + 0.5 * scores),
    "scores x0.67": lambda scores: scores / 1.5,
    "scores of other rows": lambda scores: np.roll(scores, len(scores) // 3),
}


@dataclass(frozen=True)
class Losses:
    """What the nights of a table lost.

    Attributes:
        training: of each training night, by scores of a model that had not seen it.
        later: fault -> of each later night.
    """

    training: Floats
    later: Mapping[str, Floats]


def losses_of(nights: Nights) -> Losses:
    """What the nights of a table lost, by each fault."""
    base = float(np.concatenate([outcome for outcome, _ in nights.unseen.values()]).mean())
    training = [relative(outcome, scores, base) for outcome, scores in nights.unseen.values()]
    later: dict[str, list[float]] = {name: [] for name in FAULTS}
    for day, rows in nights.later.items():
        assert nights.actual is not None
        outcome, scores = nights.actual(day, rows), nights.score(rows)
        has = ~np.isnan(outcome)
        if has.sum() >= LEAST_OUTCOMES:
            for name, spoil in FAULTS.items():
                later[name].append(relative(outcome[has], spoil(scores[has]), base))
    return Losses(_known(training), {name: _known(values) for name, values in later.items()})


def relative(outcome: Floats, scores: Floats, base: float) -> float:
    """1 - `skill:base_rate`, as an evaluation has it; NaN of a night with too few outcomes."""
    if len(outcome) < LEAST_OUTCOMES:
        return float("nan")
    own, other = (
        losses(LabelledScores("binary", ("0", "1"), outcome, each, None, None))
        for each in (scores, np.full(len(outcome), base))
    )
    skill = baselines.skill(own, other)
    return float("nan") if skill is None else 1 - skill


def flights_unseen(nights: Nights) -> dict[object, tuple[Floats, Floats]]:
    """What became of the flights of each training night, and the scores of models that had not seen its week."""
    from models.flight_delay.train import arrived, out_of_fold

    assert nights.actual is not None
    rows = pd.concat(
        [rows.assign(score_date=day, late=nights.actual(day, rows)) for day, rows in nights.before.items()],
        ignore_index=True,
    )
    # As training reads them: a column without a gap is whole numbers in one window and not in another.
    rows = rows.astype({"plane_year": "float64", "seats": "float64"})
    scored = arrived(out_of_fold(rows.assign(late=rows["late"].map({1.0: True, 0.0: False}))))
    return {
        day: (night["late"].to_numpy(np.float64), night["out_of_fold"].to_numpy())
        for day, night in scored.groupby("score_date")
    }


def _known(values: list[float]) -> Floats:
    every = np.array(values)
    known: Floats = every[np.isfinite(every)]
    return known
