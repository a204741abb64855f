"""Gaps between groups: an alarm where the groups differ, and hardly any where chance made them."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config.sections import OutcomesSection
from pipeline.evaluation import fairness
from pipeline.evaluation.metrics import LabelledScores, rates

RULE = OutcomesSection(query="n.sql", delay_days=1)
CARRIERS = 15

# Sizes of the sample's carriers on one night: from hundreds to two.
SIZES = np.array([150, 145, 140, 120, 75, 60, 55, 50, 45, 40, 30, 12, 8, 4, 2])


def night(random: np.random.Generator, rows: int = int(SIZES.sum())) -> LabelledScores:
    """A night of a binary model that is as good as its scores say."""
    score = random.beta(1.2, 3, rows)
    outcome = (random.random(rows) < score).astype(float)
    return LabelledScores("binary", ("false", "true"), outcome, score, (score >= 0.4).astype(np.int64), None)


def grouped(labelled: LabelledScores, group: np.ndarray) -> dict[str | None, LabelledScores]:
    return {f"c{number}": labelled.where(group == number) for number in np.unique(group)}


def test_groups_made_by_chance_alarm_on_no_more_nights_than_the_job_allows() -> None:
    """The rule without a test would have fired on most of these nights."""
    random = np.random.default_rng(102)
    nights, alarms, naive = 200, 0, 0
    for _ in range(nights):
        labelled = night(random)
        slices = {
            "carrier": grouped(labelled, random.permutation(np.repeat(np.arange(CARRIERS), SIZES))),
            "origin": grouped(labelled, random.integers(0, 3, len(labelled))),
        }
        recalls = [rates(group)["recall"] for group in slices["carrier"].values()]
        shares = [hits / rows for hits, rows in recalls if rows]
        naive += max(shares) - min(shares) > 0.1
        # Of any size: it is the test alone that keeps them back.
        alarms += any(gap.alarm for gap in fairness.gaps(slices, RULE.model_copy(update={"gap": 0.0})))
    assert naive > 0.9 * nights
    # 5 % of 200 are 10, and luck adds 9 more once in a thousand times. Some fire: the test is not deaf.
    assert 2 < alarms <= 19


def test_a_regressions_errors_by_chance_alarm_on_no_more_nights_either() -> None:
    random = np.random.default_rng(6)
    nights, alarms = 300, 0
    for _ in range(nights):
        outcome = random.normal(100, 30, 936)
        errors = random.standard_t(3, 936)
        labelled = LabelledScores("regression", (), outcome, outcome + errors, None, None)
        group = random.permutation(np.repeat(np.arange(CARRIERS), SIZES))
        slices = {"carrier": grouped(labelled, group)}
        alarms += any(gap.alarm for gap in fairness.gaps(slices, RULE.model_copy(update={"gap": 0.0})))
    assert 3 < alarms <= 28


def test_a_group_that_is_overlooked_is_an_alarm_and_named() -> None:
    random = np.random.default_rng(7)
    labelled = night(random)
    group = np.repeat(np.arange(CARRIERS), SIZES)
    assert labelled.label is not None
    blind = replace(labelled, label=np.where(group == 1, 0, labelled.label))
    gaps = {gap.figure: gap for gap in fairness.gaps({"carrier": grouped(blind, group)}, RULE)}
    assert gaps["recall"].alarm
    assert gaps["recall"].low == ("c1", 0.0)
    assert str(gaps["recall"]).startswith("recall by carrier: 0 (c1) to ")
    fair = {gap.figure: gap for gap in fairness.gaps({"carrier": grouped(labelled, group)}, RULE)}
    assert not any(gap.alarm for gap in fair.values())


def test_a_group_whose_values_are_said_too_high_is_an_alarm() -> None:
    random = np.random.default_rng(8)
    outcome, group = random.normal(100, 30, 400), np.repeat([0, 1], 200)
    score = outcome + random.normal(0, 5, 400) + np.where(group == 1, 4, 0)
    labelled = LabelledScores("regression", (), outcome, score, None, None)
    [gap] = fairness.gaps({"origin": grouped(labelled, group)}, RULE)
    assert (gap.figure, gap.alarm, gap.high[0]) == ("bias", True, "c1")
    assert gap.size == pytest.approx(4, abs=1.5)


@pytest.mark.parametrize("rows", [1, 29])
def test_a_small_group_is_never_compared(rows: int) -> None:
    labelled = night(np.random.default_rng(9), 300 + rows)
    group = np.where(np.arange(len(labelled)) < 300, np.arange(len(labelled)) % 2, 9)
    for gap in fairness.gaps({"origin": grouped(labelled, group)}, RULE):
        assert {gap.low[0], gap.high[0]} <= {"c0", "c1"}
    assert fairness.gaps({"origin": grouped(labelled, np.minimum(group, 0))}, RULE) == []


def test_a_difference_that_is_small_is_no_alarm_however_sure_it_is() -> None:
    rows = 200_000
    outcome = (np.arange(rows) % 10 == 0).astype(float)
    group = np.repeat([0, 1], rows // 2)
    label = np.where(np.arange(rows) % 100 < 50 + group, 1, 0)
    labelled = LabelledScores("binary", ("false", "true"), outcome, label.astype(float), label, None)
    gaps = fairness.gaps({"origin": grouped(labelled, group)}, RULE)
    assert min(gap.p for gap in gaps) < 0.01
    assert not any(gap.alarm for gap in gaps)
    fired = fairness.gaps({"origin": grouped(labelled, group)}, RULE.model_copy(update={"gap": 0.005}))
    assert any(gap.alarm for gap in fired)
