"""pipeline/registration/day_losses.py: what each training day lost is what evaluation would have said of it."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import baselines
from pipeline.evaluation.metrics import LabelledScores, losses
from pipeline.model.manifest import Manifest
from pipeline.monitoring.references import LEAST_OUTCOMES, Reference
from pipeline.registration.day_losses import day_losses

DAYS, A_DAY = 5, 60
FIRST = date(2024, 1, 1)
COLUMNS = ("day", "unseen")


def manifest(task: str = "binary", outcome: str | None = "late") -> Manifest:
    classes = {"binary": ("false", "true"), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    return Manifest.model_construct(name="m", version=1, task=task, classes=classes, outcome=outcome)


def training(**columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(1)
    scores = random.uniform(0.05, 0.6, DAYS * A_DAY)
    days = np.repeat([FIRST + timedelta(days=number) for number in range(DAYS)], A_DAY)
    late = random.random(len(scores)) < scores
    return pd.DataFrame({"day": days, "unseen": scores, "late": late}).assign(**columns)


def test_a_days_loss_is_what_evaluation_says_of_a_run() -> None:
    rows = training()
    by_day = day_losses(rows, rows.iloc[::2], manifest(), *COLUMNS)
    base = rows["late"].iloc[::2].mean()
    for day in by_day:
        group = rows[rows["day"] == day]
        outcome, score = group["late"].to_numpy(float), group["unseen"].to_numpy()
        labelled = LabelledScores("binary", ("False", "True"), outcome, score, None, None)
        other = LabelledScores("binary", ("False", "True"), outcome, np.full(len(group), base), None, None)
        skill = baselines.skill(losses(labelled), losses(other))
        assert skill is not None
        assert by_day[day] == pytest.approx(1 - skill)
    assert len(by_day) == DAYS


def test_of_a_regression_it_is_the_squared_error() -> None:
    rows = training(late=lambda frame: frame["unseen"] + 1.0)
    by_day = day_losses(rows, rows, manifest("regression"), *COLUMNS)
    first = rows.iloc[:A_DAY]
    expected = 1.0 / np.mean((first["late"] - rows["late"].mean()) ** 2)
    assert by_day[FIRST] == pytest.approx(expected)


def test_rows_without_an_outcome_count_for_nothing_and_a_day_of_few_is_left_out() -> None:
    rows = training()
    rows["late"] = rows["late"].astype(object)
    rows.loc[rows.index[: A_DAY - LEAST_OUTCOMES + 1], "late"] = None
    by_day = day_losses(rows, rows, manifest(), *COLUMNS)
    assert sorted(by_day) == [FIRST + timedelta(days=number) for number in range(1, DAYS)]


@pytest.mark.parametrize(
    ("task", "outcome", "columns"),
    [
        ("multiclass", "late", COLUMNS),
        ("binary", None, COLUMNS),
        ("binary", "elsewhere", COLUMNS),
        ("binary", "late", (None, "unseen")),
        ("binary", "late", ("day", None)),
    ],
)
def test_without_what_it_takes_there_is_none(task: str, outcome: str | None, columns: Any) -> None:
    assert day_losses(training(), training(), manifest(task, outcome), *columns) == {}


def test_they_are_kept_with_the_reference_and_one_without_them_has_the_bytes_that_it_had() -> None:
    counts = {"x": np.array([[1, 2]])}
    plain = Reference({}, (FIRST,), counts)
    assert b"losses" not in plain.content()
    again = Reference.read(Reference({}, (FIRST,), counts, {FIRST: 0.91}).content())
    assert again.losses == {FIRST: 0.91}
    assert Reference.read(plain.content()).losses == {}
