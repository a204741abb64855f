"""pipeline/evaluation/low_scores.py: how rare low scores are, and where that says something."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation import low_scores
from pipeline.evaluation.e_detector import Floats, Ordinary
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion, Task
from pipeline.monitoring import references
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference

ROOT = Path(__file__).parents[3]
DAYS = tuple(date(2013, 1, 1) + timedelta(days=number) for number in range(60))


def pinned(task: Task = "binary") -> PinnedVersion:
    champion = registry.resolve(ROOT, "flight_delay", "champion")
    return replace(champion, manifest=champion.manifest.model_copy(update={"task": task}))


def scores(days: int, seed: int, factor: float = 1.0) -> Floats:
    """Of days with a level of their own."""
    random = np.random.default_rng(seed)
    odds = random.normal(-2, 0.8, (days, 900)) + random.normal(0, 0.15, (days, 1))
    return np.minimum(factor / (1 + np.exp(-odds)), 1)


def counted(values: Floats, edge: float) -> Counts:
    low = (values < edge).sum(axis=1)
    return np.column_stack([low // 9, low - low // 9, values.shape[1] - low, np.zeros_like(low)])


EDGE = float(np.quantile(scores(60, 1), 0.1))
TRAINING = counted(scores(60, 1), EDGE)


def test_scores_that_are_half_too_high_are_far_beyond_what_training_had() -> None:
    rare = low_scores.of_training(pinned(), Reference({}, DAYS, {SCORE: TRAINING}))
    assert len(rare) == 60
    ordinary = Ordinary.of(rare, low_scores.ERRORS)
    later, spoilt = (counted(scores(60, 2, factor), EDGE) for factor in (1.0, 1.5))
    assert ordinary.places(low_scores.rarity(later[:, :2].sum(axis=1), 900.0)).mean() < ordinary.most
    assert ordinary.places(low_scores.rarity(spoilt[:, :2].sum(axis=1), 900.0)).mean() > 2 * ordinary.most


def test_the_samples_champion_has_a_figure_of_each_training_day() -> None:
    champion = pinned()
    rare = low_scores.of_training(champion, references.load(champion))
    assert len(rare) == 181
    assert 0.05 < np.exp(-np.mean(rare)) < 0.1


def test_a_day_without_a_low_score_has_a_figure() -> None:
    assert low_scores.rarity(0, 900) == pytest.approx(np.log(901))
    assert low_scores.rarity(0, 0) == 0


def test_it_counts_while_the_last_days_outcomes_say_that_scores_are_too_high() -> None:
    rare, scores = np.full(60, 2.0), np.full(60, 0.3)
    rates = np.repeat([0.3, 0.2, 0.3], 20)
    counting = low_scores.where_too_high(rare, scores, rates)
    # Of the last 14 days, nine have to be so for a quarter more on average.
    assert np.flatnonzero(counting).tolist() == list(range(28, 45))
    assert set(counting) == {0.0, 2.0}
    windows = np.stack([rates, rates[::-1]])
    both = low_scores.where_too_high(np.tile(rare, (2, 1)), np.tile(scores, (2, 1)), windows)
    assert both[0].tolist() == counting.tolist()


def test_days_without_a_mean_score_are_left_out_of_what_the_last_days_say() -> None:
    rare, rates = np.array([2.0, 2.0, np.nan]), np.full(3, 0.2)
    assert low_scores.where_too_high(rare, np.full(3, np.nan), rates).tolist() == [0, 0, 0]
    seen = low_scores.where_too_high(rare, np.array([0.3, np.nan, 0.3]), rates)
    assert (seen[:2].tolist(), np.isnan(seen[2])) == ([2.0, 2.0], True)
    assert low_scores.where_too_high(np.zeros(0), np.zeros(0), np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("task", "counts"),
    [
        ("regression", TRAINING),
        ("multiclass", TRAINING),
        ("binary", TRAINING[:20]),  # too few days
        ("binary", TRAINING.sum(axis=0)[None]),  # registered without days
        ("binary", counted(np.full((60, 900), 0.5), 0.5)),  # scores that are alike: none is below another
        ("binary", counted(scores(60, 1), float(np.quantile(scores(60, 1), 0.2)))),
    ],
)
def test_where_it_would_say_little_nothing_is_followed(task: Task, counts: Counts) -> None:
    reference = Reference({}, DAYS[: len(counts)], {SCORE: counts})
    assert low_scores.of_training(pinned(task), reference) == []


def test_a_version_without_scores_of_training_days_has_none() -> None:
    assert low_scores.of_training(pinned(), Reference({}, DAYS, {})) == []
