"""Features that leak the outcome: no run has them yet, and a model that was trained on them is good on paper only."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract.contract import SCORE_DATE, Column, Contract
from pipeline.model.artifact import ModelError

# A column is a copy of the outcome where both split the rows alike; with fewer rows outside of the commonest class that
# happens by chance.
MIN_ROWS = 10

# Wherever on earth the job is at home, its day ends no later than this after the day's beginning in UTC.
_DAY = timedelta(hours=24 + 12)


def reject_leakage(rows: pd.DataFrame, contract: Contract, outcome: str | None, origin: str) -> None:
    """Refuse a reference whose features hold its outcome, or times after its score dates.

    Args:
        rows: the reference.
        contract: inferred from it.
        outcome: its column that holds the outcome.
        origin: its file, for error messages.

    Raises:
        ModelError: a feature is not known when a run scores; all such features are named.
    """
    problems = []
    is_copy = _copies(rows[outcome]) if outcome is not None else lambda feature: False
    for column in contract.columns:
        if is_copy(rows[column.name]):
            problems.append(
                f"feature {column.name!r} says the same as the outcome {outcome!r} in every row. Train without it"
            )
        if "future" in column.rules and SCORE_DATE in rows.columns:
            problems += _future(rows, column)
    if problems:
        raise ModelError(
            f"{origin}: what is not known when a run scores is no feature: {'; '.join(problems)}."
        )


def _copies(outcome: pd.Series) -> Callable[[pd.Series], bool]:
    """A test of a feature: whether it splits the rows as the outcome does."""
    if pd.api.types.is_float_dtype(outcome) or outcome.nunique() > len(outcome) / 2:
        # A number of its own in every row would split the rows like any other: only the same numbers are a copy.
        numbers = _floats(outcome) if pd.api.types.is_numeric_dtype(outcome) else None
        if numbers is None or outcome.nunique() < 2:
            return lambda feature: False
        return lambda feature: (
            pd.api.types.is_numeric_dtype(feature)
            and np.array_equal(_floats(feature), numbers, equal_nan=True)
        )
    classes = outcome.value_counts(dropna=False)
    if len(classes) < 2 or classes.iloc[1:].sum() < MIN_ROWS:
        return lambda feature: False
    codes = pd.factorize(outcome, use_na_sentinel=False)[0]
    return lambda feature: _splits_alike(feature, codes, len(classes))


def _splits_alike(feature: pd.Series, codes: npt.NDArray[np.int64], classes: int) -> bool:
    values, distinct = pd.factorize(feature, use_na_sentinel=False)
    return len(distinct) == classes == len(np.unique(values * classes + codes))


def _floats(numbers: pd.Series) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return floats


def _future(rows: pd.DataFrame, column: Column) -> list[str]:
    times = rows[column.name]
    ends = pd.to_datetime(rows[SCORE_DATE], utc=True) + _DAY
    late = (times if column.kind == "instant" else times.dt.tz_localize("UTC")) > ends
    if not late.any():
        return []
    first = late.to_numpy().argmax()
    return [
        f"feature {column.name!r} is after the score date in {int(late.sum())} rows, such as {times.iloc[first]} for "
        f"{rows[SCORE_DATE].iloc[first]}. Train without it, or, where it is known in advance, register with "
        f"--planned {column.name}"
    ]
