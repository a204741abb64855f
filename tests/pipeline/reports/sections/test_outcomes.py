"""pipeline/reports/sections/outcomes.py: figures and gaps, calibration, and how it goes on beside its limits."""

from datetime import timedelta
from typing import Any

import numpy as np

from pipeline.evaluation.metrics import LabelledScores, figures
from pipeline.reports.queries import Record
from pipeline.reports.sections.outcomes import Outcomes, section
from tests.home import NIGHT
from tests.pipeline.reports.test_attention import day


def made(outcomes: dict[str, float], groups: Any = None, days: Any = ()) -> Outcomes:
    """The section of a run with these figures."""
    empty: dict[str, Any] = {"parts": [], "metrics": {}, "features": {}, "profiles": {}, "rejected": []}
    none: dict[str, Any] = {"promise": None, "late": None, "previous": None, "following": None}
    run = {"score_date": NIGHT + timedelta(days=2)}
    return section(Record(run=run, outcomes=outcomes, groups=groups or {}, days=list(days), **empty, **none))


def labelled(task: Any, classes: tuple[str, ...]) -> dict[str, float]:
    """Figures of a hundred entities, as they are measured."""
    random = np.random.default_rng(0)
    if task == "regression":
        values = random.normal(size=100)
        return figures(LabelledScores(task, (), values, values + 1, None, None))
    scores = random.dirichlet(np.ones(len(classes)), 100)
    label = scores.argmax(axis=1)
    outcome = random.integers(0, len(classes), 100).astype(float)
    score = scores[:, 1] if task == "binary" else scores.max(axis=1)
    return figures(
        LabelledScores(task, classes, outcome, score, label, scores if task == "multiclass" else None)
    )


def test_scores_of_a_binary_model_are_a_plot() -> None:
    drawn = made(labelled("binary", ("no", "yes"))).calibration
    assert drawn is not None
    assert "entities" in drawn
    assert made(labelled("regression", ())).calibration is None


def test_a_trend_has_what_it_is_held_against_and_no_date_that_the_model_has_seen() -> None:
    days = [day(0, outcomes={"roc_auc": 0.5, "in_sample": 1.0}), day(1, outcomes={"roc_auc": 0.6})]
    outcomes = {"roc_auc": 0.7, "training:held_out_roc_auc": 0.75, "roc_auc_limit": 0.55}
    [(caption, picture)] = made(outcomes, days=days).trends
    assert caption == "ROC AUC, once the outcomes were known"
    assert "2 days from 2024-03-01 to 2024-03-03: least 0.6, most 0.7, 0.7 on 2024-03-03." in picture
    assert "at training, held out" in picture
    assert "limit of the alarm" in picture
    assert made({**outcomes, "in_sample": 1.0}).trends == []


def test_gaps_come_widest_first_and_a_jobs_own_figures_last() -> None:
    seen = made({
        "recall_gap:a": 0.2, "recall_gap_alarm:a": 1.0, "bias_gap:b": 0.3, "bias_gap_alarm:b": 1.0,
        "accuracy_gap:c": 0.9, "accuracy_gap_alarm:c": 0.0, "business:minutes_late": 7.0, "coverage": 1.0,
    })  # fmt: skip
    assert seen.gaps == [("bias", "b", 0.3), ("recall", "a", 0.2)]
    assert seen.figures == [("Share of the scored entities with an outcome", 1.0), ("minutes late", 7.0)]
