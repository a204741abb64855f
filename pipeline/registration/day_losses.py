"""What each training day lost by scores of a model that had not seen it: what later days are compared with."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn import metrics

from pipeline.model import outcome_values
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest, Task
from pipeline.monitoring.references import LEAST_OUTCOMES


def day_losses(
    whole: pd.DataFrame,
    rows: pd.DataFrame,
    manifest: Manifest,
    night_column: str | None,
    score_column: str | None,
) -> dict[date, float]:
    """The share of the base rate's loss that the model left, of every training day with enough outcomes.

    Args:
        whole: the training rows, whole training days.
        rows: the reference's, whose outcomes make the base rate.
        manifest: of the model.
        night_column: the day that each row belongs to.
        score_column: the score of a model that had not seen the row's day.

    Returns:
        nothing where one of these columns is not there, and of a multiclass model, whose score says nothing of the
        other classes.
    """
    outcome = manifest.outcome
    if manifest.task == "multiclass" or outcome is None or night_column is None or score_column is None:
        return {}
    if outcome not in whole.columns or outcome not in rows.columns:
        return {}
    outcomes = _outcomes(whole[outcome], manifest)
    base = float(np.nanmean(_outcomes(rows[outcome], manifest)))
    scores = whole[score_column].to_numpy(np.float64)
    days = pd.to_datetime(whole[night_column]).dt.date.to_numpy()
    losses = {}
    for day in np.unique(days):
        chosen = (days == day) & ~np.isnan(outcomes)
        if chosen.sum() >= LEAST_OUTCOMES:
            actual = outcomes[chosen]
            losses[day] = _loss(actual, scores[chosen], manifest.task)
            losses[day] /= _loss(actual, np.full(len(actual), base), manifest.task)
    return {day: loss for day, loss in losses.items() if np.isfinite(loss)}


def _outcomes(values: pd.Series, manifest: Manifest) -> Floats:
    array = pa.array(values, from_pandas=True)
    plain = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return outcome_values.read(plain, manifest, "the training days", pa.nulls(len(plain)))


def _loss(outcomes: Floats, scores: Floats, task: Task) -> float:
    """As pipeline/evaluation/metrics.py has it of a run."""
    if task == "regression":
        return float(metrics.mean_squared_error(outcomes, scores))
    return float(metrics.log_loss(outcomes, scores, labels=[0, 1]))
