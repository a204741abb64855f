"""How often the interval of a night's estimate holds what is measured later: of real tables, night after night.

Each night is estimated from the nights before it whose outcomes are known: those until the night before the last one.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from benchmarks.spoil import Floats
from pipeline.estimation import intervals
from pipeline.estimation.estimate import WINDOW, MeasuredDay, error, errors
from pipeline.estimation.expectation import METRICS
from pipeline.estimation.intervals import LEAST_DAYS
from pipeline.estimation.score_bins import ScoreBins
from pipeline.evaluation.metrics import LabelledScores, losses
from pipeline.monitoring.references import LEAST_OUTCOMES

# Nights whose outcomes are not known yet, when the next one is estimated.
DELAY = 1


def coverage(nights: Iterable[tuple[Floats, Floats]]) -> Mapping[str, Floats]:
    """Of each metric whether the interval of each night held it, 1 or 0; without nights that have no estimate of it.

    A metric that is the same on every night, as the accuracy of scores that are always right, is left out: its interval
    has no width, and holds it always.

    Args:
        nights: outcomes and scores of each, in order.
    """
    days = [_measured(*night) for night in nights if len(night[0]) >= LEAST_OUTCOMES]
    known = errors(days)
    held: dict[str, list[float]] = {metric: [] for metric in METRICS if _varies(days, metric)}
    for place in range(LEAST_DAYS + DELAY, len(days)):
        until = place - DELAY
        missed = error(days[place], days[:until])
        for metric, hits in held.items():
            before = [each[metric] for each in known[max(until - WINDOW, 0) : until]]
            interval = intervals.of_errors(before)
            if interval and np.isfinite(missed[metric]):
                hits.append(float(interval.low <= missed[metric] <= interval.high))
    return {metric: np.array(hits) for metric, hits in held.items() if hits}


def _varies(days: list[MeasuredDay], metric: str) -> bool:
    return len({day.metrics.get(metric) for day in days} - {None}) > 1


def _measured(outcome: Floats, scores: Floats) -> MeasuredDay:
    label = (scores >= 0.5).astype(np.int64)
    measured = losses(LabelledScores("binary", ("no", "yes"), outcome, scores, label, None))
    accuracy = float((label == outcome).mean())
    return MeasuredDay(ScoreBins.of(scores, label == 1, outcome), {**measured, "accuracy": accuracy})
