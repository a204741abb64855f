"""Features that nobody knows at night: a model that was trained on them is good on paper only."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract import Column, Contract
from pipeline.model import ModelError

# A column is a copy of the outcome where both split the rows alike; with fewer rows outside of the commonest class that
# happens by chance.
MIN_ROWS = 10

# Wherever on earth the job is at home, its day ends no later than this after the day's beginning in UTC.
_DAY = timedelta(hours=24 + 12)


def require_none(rows: pd.DataFrame, contract: Contract, outcome: str | None, origin: str) -> None:
    """Refuse a reference whose features hold its outcome, or times after its score dates.

    Args:
        rows: the reference.
        contract: inferred from it.
        outcome: its column that holds the real result.
        origin: its file, for error messages.

    Raises:
        ModelError: a feature is not known at night; all such features are named.
    """
    problems = []
    for column in contract.columns:
        if outcome is not None and _same(rows[column.name], rows[outcome]):
            problems.append(
                f"feature {column.name!r} says the same as the outcome {outcome!r} in every row. Train without it"
            )
        if "future" in column.rules and "score_date" in rows.columns:
            problems += _future(rows, column)
    if problems:
        raise ModelError(f"{origin}: what is not known at night is no feature: {'; '.join(problems)}.")


def _same(feature: pd.Series, outcome: pd.Series) -> bool:
    if pd.api.types.is_float_dtype(outcome) or outcome.nunique() > len(outcome) / 2:
        # A number of its own in every row would split the rows like any other: only the same numbers are a copy.
        both = pd.api.types.is_numeric_dtype(feature) and pd.api.types.is_numeric_dtype(outcome)
        return (
            both
            and outcome.nunique() > 1
            and np.array_equal(_floats(feature), _floats(outcome), equal_nan=True)
        )
    classes = outcome.value_counts(dropna=False)
    if len(classes) < 2 or classes.iloc[1:].sum() < MIN_ROWS:
        return False
    pairs = pd.DataFrame({"feature": feature.to_numpy(), "outcome": outcome.to_numpy()}).drop_duplicates()
    return len(pairs) == len(classes) == feature.nunique(dropna=False)


def _floats(numbers: pd.Series) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _future(rows: pd.DataFrame, column: Column) -> list[str]:
    times = rows[column.name]
    ends = pd.to_datetime(rows["score_date"], utc=True) + _DAY
    late = (times if column.kind == "instant" else times.dt.tz_localize("UTC")) > ends
    if not late.any():
        return []
    place = late.to_numpy().argmax()
    return [
        f"feature {column.name!r} is after the score date in {int(late.sum())} rows, such as {times.iloc[place]} for "
        f"{rows['score_date'].iloc[place]}. Train without it, or, where it is known in advance, register with "
        f"--planned {column.name}"
    ]
