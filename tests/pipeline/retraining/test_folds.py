"""pipeline/retraining/folds.py: no date is in two folds, nor a week where there are enough of them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.retraining import folds
from pipeline.retraining.team_code import RetrainingError


def cut(first: str, days: int, number: int) -> pd.DataFrame:
    """Two rows a day, with their folds."""
    dates = pd.Series(np.repeat(pd.date_range(first, periods=days), 2))
    return pd.DataFrame({"date": dates, "week": dates.dt.isocalendar().week, "fold": folds.of(dates, number)})


@pytest.mark.parametrize(("days", "unit"), [(70, "week"), (6, "date")])
def test_whole_weeks_else_whole_dates_go_to_a_fold(days: int, unit: str) -> None:
    rows = cut("2024-03-04", days, 4)
    assert set(rows["fold"]) == {0, 1, 2, 3}
    assert (rows.groupby(unit)["fold"].nunique() == 1).all()
    assert rows["fold"].value_counts().min() >= len(rows) // 4 * 2 // 3


def test_fewer_dates_than_folds_are_refused() -> None:
    with pytest.raises(RetrainingError, match="3 score dates have rows, and training.folds is 4"):
        cut("2024-03-04", 3, 4)
