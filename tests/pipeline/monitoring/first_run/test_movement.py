"""pipeline/monitoring/first_run/movement.py: dates like those of the evidence pass, and other scores do not."""

from dataclasses import asdict

import numpy as np
import pytest

from pipeline.model.loaded_model import Floats
from pipeline.monitoring.first_run.movement import LEAST_DATES, RATE, Movement, excesses

ROWS = 400


def probabilities(random: np.random.Generator) -> tuple[Floats, Floats]:
    """A day's scores by two versions: its level is its own, and how far they are apart depends on it."""
    level, noise = random.normal(-1.5, 0.7), random.normal(0, 0.1)
    before = random.normal(level, 1, ROWS)
    after = before + 0.3 * level + noise + random.normal(0, 0.2, ROWS)
    return 1 / (1 + np.exp(-before)), 1 / (1 + np.exp(-after))


def evidence(random: np.random.Generator, dates: int = 28) -> list[Movement]:
    return [Movement.of("binary", *probabilities(random), 0.0) for _ in range(dates)]


def test_few_first_runs_like_the_evidence_are_held() -> None:
    random, held, runs = np.random.default_rng(1), 0, 400
    for dates in (LEAST_DATES, 28):
        for _ in range(runs // 2):
            run = Movement.of("binary", *probabilities(random), 0.0)
            held += bool(list(excesses(evidence(random, dates), 1, run)))
    # As many as three standard errors above the rate would be no chance.
    assert held / runs <= RATE + 3 * np.sqrt(RATE * (1 - RATE) / runs)


def test_scores_times_one_and_a_half_are_held_and_so_are_those_of_other_entities() -> None:
    random = np.random.default_rng(2)
    dates, (before, after) = evidence(random), probabilities(random)
    assert list(excesses(dates, 1, Movement.of("binary", before, after, 0.0))) == []
    shift = next(excesses(dates, 1, Movement.of("binary", before, np.minimum(after * 1.5, 1), 0.0)))
    assert str(shift).startswith("the mean difference is ")
    (spread,) = excesses(dates, 1, Movement.of("binary", before, random.permutation(after), 0.0))
    assert "row by row" in str(spread)


def test_versions_that_were_the_same_may_differ_by_little_and_no_more() -> None:
    before = np.linspace(0.01, 0.9, ROWS)
    same = [Movement.of("binary", before, before, 0.0)] * LEAST_DATES
    assert list(excesses(same, 1, same[0])) == []
    assert [excess.what for excess in excesses(same, 1, Movement.of("binary", before, before * 1.5, 0.0))]


def test_values_are_compared_in_units_of_their_own_spread() -> None:
    before = np.linspace(0, 1000, ROWS)
    same = [Movement.of("regression", before, before, 0.0)] * LEAST_DATES
    shifted = Movement.of("regression", before, before + 10, 0.0)
    assert shifted.shift == pytest.approx(10)
    assert list(excesses(same, float(before.std()), shifted)) == []
    assert len(list(excesses(same, 1.0, shifted))) == 1


def test_parts_add_up_to_the_whole() -> None:
    before, after = probabilities(np.random.default_rng(3))
    whole = Movement.of("binary", before, after, 0.25)
    halves = [
        Movement.of("binary", before[part], after[part], 0.25) for part in (slice(100), slice(100, None))
    ]
    together = Movement.together([*(half.sums() for half in halves), {}])
    assert together is not None
    assert asdict(together) == pytest.approx(asdict(whole))
    assert Movement.together([{}]) is None
