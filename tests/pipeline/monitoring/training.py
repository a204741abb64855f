"""Training days that the tests of monitoring share, and what they are compared with."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.calibration import Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.drift import distances
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference
from pipeline.registration.register import Registration, register
from tests.home import shop_model, shop_rows

START = date(2024, 1, 1)
NIGHTS = 120


def night(random: np.random.Generator, number: int) -> pd.DataFrame:
    """Rows that share a night of their own: a level that every row has, and fewer rows on Sundays."""
    day = START + timedelta(days=number)
    rows = shop_rows(150 if day.weekday() == 6 else 300)
    level = random.normal(0, 15)
    return rows.assign(
        amount=random.normal(100 + level, 20, len(rows)),
        channel=random.choice(["web", "shop", "phone"], len(rows), p=random.dirichlet([30, 20, 10])),
        night=day,
        unseen=random.beta(2, 5, len(rows)),
    )


def few_by_phone(random: np.random.Generator, number: int) -> pd.DataFrame:
    """Rows of a night of which one in twenty came by phone, and of which amounts depend on the channel."""
    rows = shop_rows(600, seed=number)
    channel = random.choice(["web", "shop", "phone"], len(rows), p=[0.6, 0.35, 0.05])
    return rows.assign(
        amount=random.normal(100, 20, len(rows)) + 40 * (channel == "shop"),
        channel=channel,
        night=START + timedelta(days=number),
        unseen=random.beta(2, 5, len(rows)),
    )


def registered(folder: Path, nights: pd.DataFrame, slices: Sequence[str] = ()) -> PinnedVersion:
    """The shop's model in a folder, registered with nights."""
    estimator, rows = shop_model()
    joblib.dump(estimator, folder / "shop.joblib")
    rows.to_parquet(folder / "shop.parquet")
    nights.to_parquet(folder / "nights.parquet")
    registration = Registration(
        "shop",
        folder / "shop.joblib",
        folder / "shop.parquet",
        alias="champion",
        outcome="bought",
        nights=folder / "nights.parquet",
        night_column="night",
        score_column="unseen",
        slices=slices,
    )
    return register(folder, registration)


def profiled(reference: Reference, rows: pd.DataFrame) -> Profile:
    """What is kept of a night."""
    columns = {name: pa.array(rows[name or "unseen"], from_pandas=True) for name in reference.bins}
    return Profile.of(reference.bins, columns)


def look(
    reference: Reference, rows: pd.DataFrame, day: date, rate: float = 0.05, last: PreviousRun | None = None
) -> dict[str, Distance]:
    """A night's distances, by what they are of; of each the most unusual."""
    distances_now = distances(reference, profiled(reference, rows), day, rate, last)
    assert [one.unusualness for one in distances_now] == sorted(
        (one.unusualness for one in distances_now), reverse=True
    )
    return {one.column: one for one in reversed(distances_now)}


def season(number: int) -> pd.DataFrame:
    """Rows of a night of a season, in which the amount rises from 40 to 160 and falls again."""
    rows = night(np.random.default_rng(number), number)
    level = 100 - 60 * math.cos(2 * math.pi * number / NIGHTS)
    return rows.assign(amount=np.random.default_rng(number).normal(level, 10, len(rows)))
