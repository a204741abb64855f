"""pipeline/challenger/comparison.py: what each row lost is scikit-learn's loss, and groups are judged together."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from pipeline.challenger.comparison import Day, Losses, by_group, judge, moved, row_losses
from pipeline.evaluation.metrics import LabelledScores

RANDOM = np.random.default_rng(3)
ROWS = 200


def binary() -> LabelledScores:
    outcome, score = RANDOM.integers(0, 2, ROWS).astype(float), RANDOM.random(ROWS)
    score[:2], outcome[:2] = (0, 1), (1, 1)  # certain, and wrong once
    return LabelledScores("binary", ("no", "yes"), outcome, score, (score > 0.5).astype(np.int64), None)


def multiclass() -> LabelledScores:
    scores = RANDOM.dirichlet(np.ones(3), ROWS)
    outcome = RANDOM.integers(0, 3, ROWS).astype(float)
    return LabelledScores(
        "multiclass", ("a", "b", "c"), outcome, scores.max(axis=1), scores.argmax(axis=1), scores
    )


@pytest.mark.parametrize("labelled", [binary(), multiclass()], ids=["binary", "multiclass"])
def test_the_mean_of_what_rows_lost_is_the_log_loss(labelled: LabelledScores) -> None:
    scores = labelled.score if labelled.class_scores is None else labelled.class_scores
    expected = metrics.log_loss(labelled.outcome, scores, labels=range(len(labelled.class_names)))
    assert row_losses(labelled).mean() == pytest.approx(expected)


def test_a_regression_loses_squares() -> None:
    labelled = LabelledScores("regression", (), np.array([1.0, 2.0]), np.array([3.0, 1.5]), None, None)
    assert row_losses(labelled).tolist() == [4.0, 0.25]


def test_a_group_has_its_own_rows_and_so_has_the_one_without_a_value() -> None:
    groups = pa.table({"channel": pa.array(["web", None, "web"])})
    assert by_group(groups, np.array([1.0, 5.0, 3.0]), np.array([0.0, 6.0, 2.0])) == {
        ("channel", "web"): Losses(2, 2.0, 1.0),
        ("channel", None): Losses(1, 5.0, 6.0),
    }


def test_who_moves_is_counted_by_tenths_of_the_day() -> None:
    scores = np.arange(100) / 100
    assert moved(scores, scores**3) == 0
    assert moved(scores, scores[::-1].copy()) == 1
    assert moved(np.array([]), np.array([])) == 0


def day(number: int, difference: float, *, in_web: float = 0.0, rows: int = 50, seen: bool = False) -> Day:
    lost, group = Losses(rows, 1 + difference, 1.0), Losses(rows, 1 + in_web, 1.0)
    when = date(2024, 3, 1) + timedelta(days=number)
    return Day(when, number, 1, rows, 0, lost, {("channel", "web"): group}, 0.0, 0.0, seen)


def test_dates_that_a_version_has_seen_and_dates_with_few_outcomes_do_not_count() -> None:
    steady = RANDOM.normal(0.3, 0.05, 30)
    days = [day(number, difference) for number, difference in enumerate(steady)]
    assert judge(days, 30, 0.05)[0].verdict == "better"
    assert judge([day(number, 0.3, seen=True) for number in range(30)], 30, 0.05)[0].days == 0
    assert judge([day(number, 0.3, rows=29) for number in range(30)], 30, 0.05)[0].days == 0


def test_a_group_that_loses_is_named_also_where_all_together_gain() -> None:
    days = [
        day(number, difference, in_web=-difference)
        for number, difference in enumerate(RANDOM.normal(0.3, 0.05, 30))
    ]
    together, losing, groups = judge(days, 30, 0.05)
    assert (together.verdict, list(losing), groups) == ("better", [("channel", "web")], 1)
