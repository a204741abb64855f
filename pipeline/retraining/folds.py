"""Whole score dates cut into folds, so that no row is scored by a model that has seen its date."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.retraining.team_code import RetrainingError

_WEEK = 7
# 1970-01-01 was a Thursday: so many days after a Monday.
_THURSDAY = 3


def of(dates: pd.Series, folds: int) -> npt.NDArray[np.int64]:
    """The fold of each row: whole weeks by turns where there are enough of them, else whole dates.

    Neighbouring dates share much, such as their weather. Whole weeks have fewer neighbours in other folds.

    Args:
        dates: the score date of each row.
        folds: how many folds.

    Raises:
        RetrainingError: there are fewer dates than folds.
    """
    days = dates.to_numpy("datetime64[D]").astype(np.int64)
    weeks = (days + _THURSDAY) // _WEEK
    for units in (weeks, days):
        distinct, places = np.unique(units, return_inverse=True)
        if len(distinct) >= folds:
            fold: npt.NDArray[np.int64] = places % folds
            return fold
    raise RetrainingError(
        f"{len(distinct)} score dates have rows, and training.folds is {folds}. Raise training.window_days, or name "
        "a later date."
    )
