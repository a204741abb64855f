"""Faults that are put into a night's rows, or into its scores, after which no check may find it ordinary."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SEED = 20130701
_KM = 1.609  # a mile

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


@dataclass(frozen=True)
class Lasting:
    """What is done to a night, and to those after it.

    Attributes:
        column: the one in which it is.
        rows: to its rows; on its first, second, ... night.
        grows: whether the nights differ.
    """

    column: str
    rows: Callable[[pd.DataFrame, int], pd.DataFrame]
    grows: bool = False


@dataclass(frozen=True)
class Sliced:
    """What is done to the rows of one value of a slice.

    Attributes:
        sliced: the slice.
        value: its value.
        column: the one in which the fault is.
        change: what becomes of the column there.
    """

    sliced: str
    value: str
    column: str
    change: Callable[["pd.Series[Any]"], "pd.Series[Any]"]

    def rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A night's rows with the fault."""
        values = rows[self.column]
        changed = values.where(rows[self.sliced] != self.value, self.change(values))
        return rows.assign(**{self.column: _in_the_type_of(values, changed)})


def _shifted(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    """Every number stands in the column of its neighbour, in the type of that column."""
    names = [str(name) for name in rows.select_dtypes("number")]
    values = rows[names].to_numpy(float)
    named_faults = {}
    for place, name in enumerate(names):
        column = values[:, place - 1]
        whole = rows[name].dtype.kind == "i"
        named_faults[name] = np.nan_to_num(column).round().astype(rows[name].dtype) if whole else column
    return rows.assign(**named_faults)


def _with_nulls(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    gone = np.random.default_rng(SEED).random(len(rows)) < 0.2
    return rows.assign(**{column: rows[column].astype(float).mask(gone)})


def _zeroed(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{column: rows[column] * 0})


def _without(column: str, value: Any, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    left: pd.DataFrame = rows[rows[column] != value]
    return left


def _renamed(column: str, value: Any, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{column: rows[column].replace(value, "renamed")})


def _scaled(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    sample = rows[column] * _KM
    whole = rows[column].dtype.kind == "i"
    return rows.assign(**{column: sample.round().astype(rows[column].dtype) if whole else sample})


def _doubled(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    # Entities of their own: a night whose entities come twice is refused by the contract.
    again = rows.assign(entity_id=rows["entity_id"] + " again")
    return pd.concat([rows, again], ignore_index=True)


def _some_nulls(column: str, share: float, rows: pd.DataFrame, _: int) -> pd.DataFrame:
    gone = np.random.default_rng([SEED, len(rows)]).random(len(rows)) < share
    return rows.assign(**{column: rows[column].astype(float).mask(gone)})


def _longer(column: str, factor: float, rows: pd.DataFrame, _: int) -> pd.DataFrame:
    return rows.assign(**{column: _in_the_type_of(rows[column], rows[column] * factor)})


def _some_renamed(column: str, share: float, rows: pd.DataFrame, _: int) -> pd.DataFrame:
    renamed = np.random.default_rng([SEED, len(rows)]).random(len(rows)) < share
    return rows.assign(**{column: rows[column].mask(renamed, "renamed")})


def _more_renamed(column: str, share: float, rows: pd.DataFrame, number: int) -> pd.DataFrame:
    return _some_renamed(column, share * number, rows, number)


def _in_slice(
    column: str, slice_column: str, value: str, factor: float, rows: pd.DataFrame, _: int
) -> pd.DataFrame:
    changed = rows[column].where(rows[slice_column] != value, rows[column] * factor)
    return rows.assign(**{column: _in_the_type_of(rows[column], changed)})


def _in_the_type_of(column: "pd.Series[Any]", values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.round().astype(column.dtype) if column.dtype.kind == "i" else values


def _gone(share: float, values: "pd.Series[Any]") -> "pd.Series[Any]":
    nulls: pd.Series[Any] = values.astype(float).mask(np.random.default_rng(SEED).random(len(values)) < share)
    return nulls


def _times(factor: float, values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values * factor


_SHIFTED = {"columns shifted by one": Fault(_shifted)}
_UNITS = {
    "Celsius for Fahrenheit": Fault(lambda rows, _: rows.assign(temp=(rows["temp"] - 32) / 1.8)),
    "miles to km": Fault(partial(_scaled, "distance")),
}
_ANYWHERE: dict[str, Fault] = {
    "yesterday's rows again": Fault(lambda _, before: before),
    "half of the rows gone": Fault(lambda rows, _: rows.sample(frac=0.5, random_state=SEED)),
    "rows doubled": Fault(_doubled),
    "scores x1.5": Fault(scores=lambda scores: np.minimum(scores * 1.5, 1)),
}
FLIGHTS: Mapping[str, Fault] = {
    "distance zeroed": Fault(partial(_zeroed, "distance")),
    "seats zeroed": Fault(partial(_zeroed, "seats")),
    "20 % nulls in plane_year": Fault(partial(_with_nulls, "plane_year")),
    "origin LGA missing": Fault(partial(_without, "origin", "LGA")),
    "carrier UA renamed": Fault(partial(_renamed, "carrier", "UA")),
    **_UNITS,
    **_SHIFTED,
    **_ANYWHERE,
}
FLIGHTS_LASTING: Mapping[str, Lasting] = {
    "1 % of the carriers renamed": Lasting("carrier", partial(_some_renamed, "carrier", 0.01)),
    "carriers renamed, 0.1 % more a night": Lasting(
        "carrier", partial(_more_renamed, "carrier", 0.001), grows=True
    ),
    "1 % of the origins renamed": Lasting("origin", partial(_some_renamed, "origin", 0.01)),
    "2 % nulls in seats": Lasting("seats", partial(_some_nulls, "seats", 0.02)),
    "distance 5 % longer": Lasting("distance", partial(_longer, "distance", 1.05)),
    "seats zeroed, carrier MQ only": Lasting("seats", partial(_in_slice, "seats", "carrier", "MQ", 0.0)),
    "distance in km, carrier US only": Lasting(
        "distance", partial(_in_slice, "distance", "carrier", "US", _KM)
    ),
}
FLIGHTS_SLICED: Mapping[str, Sliced] = {
    "seats zeroed, carrier DL": Sliced("carrier", "DL", "seats", partial(_times, 0.0)),
    "distance in km, carrier US": Sliced("carrier", "US", "distance", partial(_times, _KM)),
    "distance in km, carrier B6": Sliced("carrier", "B6", "distance", partial(_times, _KM)),
    "distance in km, carrier VX": Sliced("carrier", "VX", "distance", partial(_times, _KM)),
    "20 % nulls in seats, carrier B6": Sliced("carrier", "B6", "seats", partial(_gone, 0.2)),
    "all nulls in seats, carrier DL": Sliced("carrier", "DL", "seats", partial(_gone, 1.0)),
    "Celsius for Fahrenheit, origin LGA": Sliced("origin", "LGA", "temp", lambda values: (values - 32) / 1.8),
    "an hour off, carrier 9E": Sliced("carrier", "9E", "minute_of_day", lambda values: values + 60),
}
DRAWN: Mapping[str, Fault] = {
    "price zeroed": Fault(partial(_zeroed, "price")),
    "20 % nulls in price": Fault(partial(_with_nulls, "price")),
    "shop north missing": Fault(partial(_without, "shop", "north")),
    "channel web renamed": Fault(partial(_renamed, "channel", "web")),
    **_UNITS,
    **_SHIFTED,
    **_ANYWHERE,
}


def faults(training: pd.DataFrame) -> Mapping[str, Fault]:
    """What may befall a table that nobody knows: its most varied number, and its category of about a third of rows."""
    named_faults = dict(_ANYWHERE)
    numbers = training.select_dtypes("number")
    if len(numbers.columns):
        number = str(numbers.nunique().idxmax())
        named_faults |= {
            "a number zeroed": Fault(partial(_zeroed, number)),
            "a number x1.6": Fault(partial(_scaled, number)),
            "20 % nulls": Fault(partial(_with_nulls, number)),
        }
    if len(numbers.columns) > 1:
        named_faults |= _SHIFTED
    shares = training.drop(columns=numbers.columns).apply(
        lambda values: values.value_counts(normalize=True).max()
    )
    column = str((shares - 1 / 3).abs().idxmin())
    value = training[column].mode()[0]
    named_faults["a category missing"] = Fault(partial(_without, column, value))
    named_faults["a category renamed"] = Fault(partial(_renamed, column, value))
    return named_faults


def in_slices(training: pd.DataFrame, slices: Sequence[str]) -> Mapping[str, Sliced]:
    """What may befall one value of each slice of a table that nobody knows: the second most common."""
    numbers = training.select_dtypes("number")
    if not len(numbers.columns):
        return {}
    column = str(numbers.nunique().idxmax())
    named_faults: dict[str, Sliced] = {}
    for name in slices:
        value = str(training[name].value_counts().index[1])
        where = f"{name} = {value}"
        named_faults |= {
            f"{column} zeroed, {where}": Sliced(name, value, column, partial(_times, 0.0)),
            f"{column} x1.6, {where}": Sliced(name, value, column, partial(_times, _KM)),
            f"all nulls in {column}, {where}": Sliced(name, value, column, partial(_gone, 1.0)),
        }
    return named_faults
