"""Faults that are put into a night's rows, or into its scores, after which no check may find it ordinary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

SEED = 20130701

Change = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fault:
    """What is done to a night.

    Attributes:
        rows: to its rows, beside those of the night before.
        scores: to its scores.
    """

    rows: Change = lambda rows, _: rows
    scores: Callable[[Floats], Floats] = lambda scores: scores


def _shifted(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    """Every number stands in the column of its neighbour, in the type of that column."""
    names = [str(name) for name in rows.select_dtypes("number")]
    values = rows[names].to_numpy(float)
    found = {}
    for place, name in enumerate(names):
        column = values[:, place - 1]
        whole = rows[name].dtype.kind == "i"
        found[name] = np.nan_to_num(column).round().astype(rows[name].dtype) if whole else column
    return rows.assign(**found)


def _with_nulls(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    gone = np.random.default_rng(SEED).random(len(rows)) < 0.2
    return rows.assign(**{column: rows[column].astype(float).mask(gone)})


def _zeroed(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{column: rows[column] * 0})


def _in_km(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(distance=(rows["distance"] * 1.609).round().astype(rows["distance"].dtype))


def _doubled(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    # Entities of their own: a night whose entities come twice is refused by the contract.
    again = rows.assign(entity_id=rows["entity_id"] + " again")
    return pd.concat([rows, again], ignore_index=True)


_ANYWHERE: dict[str, Fault] = {
    "Celsius for Fahrenheit": Fault(lambda rows, _: rows.assign(temp=(rows["temp"] - 32) / 1.8)),
    "miles to km": Fault(_in_km),
    "columns shifted by one": Fault(_shifted),
    "yesterday's rows again": Fault(lambda _, before: before),
    "half of the rows gone": Fault(lambda rows, _: rows.sample(frac=0.5, random_state=SEED)),
    "rows doubled": Fault(_doubled),
    "scores x1.5": Fault(scores=lambda scores: np.minimum(scores * 1.5, 1)),
}
FLIGHTS: Mapping[str, Fault] = {
    "distance zeroed": Fault(partial(_zeroed, "distance")),
    "seats zeroed": Fault(partial(_zeroed, "seats")),
    "20 % nulls in plane_year": Fault(partial(_with_nulls, "plane_year")),
    "origin LGA missing": Fault(lambda rows, _: rows[rows["origin"] != "LGA"]),
    "carrier UA renamed": Fault(lambda rows, _: rows.assign(carrier=rows["carrier"].replace("UA", "U2"))),
    **_ANYWHERE,
}
DRAWN: Mapping[str, Fault] = {
    "price zeroed": Fault(partial(_zeroed, "price")),
    "20 % nulls in price": Fault(partial(_with_nulls, "price")),
    "shop north missing": Fault(lambda rows, _: rows[rows["shop"] != "north"]),
    "channel web renamed": Fault(lambda rows, _: rows.assign(channel=rows["channel"].replace("web", "www"))),
    **_ANYWHERE,
}
