"""Nights to try the checks on: those of the sample, and drawn ones on which no part of the rule was chosen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from benchmarks import spoil
from benchmarks.ground import ROOT, here, join
from benchmarks.spoil import SEED, Fault, Floats, Lasting, Sliced
from pipeline.config import dates, loader
from pipeline.config.sections import GateSection
from pipeline.contract.infer import infer
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.evaluation import ground_truth
from pipeline.evaluation.outcomes import required
from pipeline.model import registry
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.references import Reference
from pipeline.provisioning.sample import load

TRAINING = 181  # nights of a drawn year, as January to June are of the flights'


@dataclass(frozen=True)
class Nights:
    """Nights, and what they are compared with.

    Attributes:
        manifest: of the model that scores them.
        reference: of the training nights.
        training: a sample of the training nights' rows.
        later: rows of each later night, with `entity_id`.
        score: scores rows.
        gate: of the job.
        faults: what may be done to a night, by name.
        pinned: the registered version; None where there is none.
        actual: what became of the entities of a night, NaN where nobody knows; None where nothing is known of any.
        before: rows of each training night; none where nobody asks for them.
        lasting: what may be done to a night and to those after it, by name.
        sliced: what may be done to the rows of one value of a slice, by name.
        unseen: of each training night what became of its entities, and what a model scored that had not seen it.
    """

    manifest: Manifest
    reference: Reference
    training: pd.DataFrame
    later: Mapping[date, pd.DataFrame]
    score: Callable[[pd.DataFrame], Floats]
    gate: GateSection
    faults: Mapping[str, Fault]
    pinned: PinnedVersion | None = None
    actual: Callable[[date, pd.DataFrame], Floats] | None = None
    before: Mapping[date, pd.DataFrame] = field(default_factory=dict)
    unseen: Mapping[date, tuple[Floats, Floats]] = field(default_factory=dict)
    lasting: Mapping[str, Lasting] = field(default_factory=dict)
    sliced: Mapping[str, Sliced] = field(default_factory=dict)


def flights() -> Nights:
    """The sample's nights, and its champion, which was trained on January to June."""
    server = join().server
    load(server.connections["warehouse_owner"])
    job = loader.find(ROOT / "dags", "flight_delay")
    pinned = registry.resolve(ROOT, "flight_delay", "champion")
    estimator, reference = here(pinned).estimator, references.load(pinned)
    address = server.connections["warehouse"]
    nights = {}
    for day in _days(reference.training_days[0], 365):
        values: queries.Values = {"score_date": day}
        query = queries.read(ROOT / "sql", job.extract.query)
        with warehouse.stream(address, Query(query, values, job.extract.query)) as reader:
            nights[day] = reader.read_all().to_pandas()
    training = pd.concat(
        [rows for day, rows in nights.items() if day in reference.training_days], ignore_index=True
    )
    names = [column.name for column in pinned.manifest.columns]

    def score(rows: pd.DataFrame) -> Floats:
        # Not by the contract, which would reject rows of some faults before the usual rules see them.
        scores: Floats = estimator.predict_proba(rows[names])[:, 1]
        return scores

    outcomes = required(job)

    def actual(day: date, rows: pd.DataFrame) -> Floats:
        start, end = dates.interval(day, job.zone)
        query = queries.read(ROOT / "sql", outcomes.query)
        values: queries.Values = {"score_date": day, "interval_start": start, "interval_end": end}
        column, entities = (
            ground_truth.column_of(job, pinned.manifest),
            pa.array(rows["entity_id"], pa.string()),
        )
        return ground_truth.read(address, query, values, "outcomes", pinned.manifest, column, entities).values

    # The version was registered without counts per slice: they are what it would have with them, but for the score.
    whole = training.assign(night=np.repeat(list(reference.training_days), reference.rows))
    sliced = references.build(whole, pinned.manifest, "night", slices=job.slices).slices
    return Nights(
        pinned.manifest,
        replace(reference, slices=sliced),
        training.sample(5000, random_state=SEED),
        {day: rows for day, rows in nights.items() if day > reference.training_days[-1]},
        score,
        job.gate,
        spoil.FLIGHTS,
        pinned,
        actual,
        {day: rows for day, rows in nights.items() if day in reference.training_days},
        lasting=spoil.FLIGHTS_LASTING,
        sliced=spoil.FLIGHTS_SLICED,
    )


def drawn(seed: int) -> Nights:
    """Drawn nights: four numbers and two categories, each with a level of the night, the weekday and the season."""
    random = np.random.default_rng(seed)
    days = list(_days(date(2023, 1, 1), 365))
    nights = dict(zip(days, _drawn(random, days), strict=True))
    scored = [rows.assign(night=day, score=_drawn_score(rows)) for day, rows in nights.items()]
    training = pd.concat(scored[:TRAINING], ignore_index=True)
    features = training.drop(columns=["entity_id", "night", "score"])
    columns = infer(features, list(features.columns)).columns
    manifest = Manifest.model_construct(task="binary", columns=columns, outcome=None)
    return Nights(
        manifest,
        references.build(training, manifest, "night", "score", ("shop", "channel")),
        training.sample(5000, random_state=SEED),
        dict(list(nights.items())[TRAINING:]),
        _drawn_score,
        GateSection(),
        spoil.DRAWN,
        sliced=spoil.in_slices(features, ("shop", "channel")),
    )


def _days(first: date, nights: int) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(nights))


def _drawn(random: np.random.Generator, days: list[date]) -> Iterator[pd.DataFrame]:
    mood = 0.0
    for number, day in enumerate(days):
        season, weekend = np.sin(2 * np.pi * number / 365), day.weekday() >= 5
        mood = 0.7 * mood + random.normal(0, 0.5)  # a level that lasts for some days
        count = int(random.normal(1000, 40) * (0.7 if weekend else 1))
        yield pd.DataFrame(
            {
                "entity_id": [f"order-{place}" for place in range(count)],
                "price": np.exp(random.normal(3 + 0.1 * mood, 0.6, count)),
                "distance": random.gamma(3, 200 * (1 + 0.03 * random.normal()), count),
                "temp": random.normal(55 - 20 * np.cos(2 * np.pi * number / 365) + 6 * mood, 3, count),
                "items": random.poisson(3 + 0.3 * season + 0.5 * weekend, count).astype(float),
                "shop": _chosen(random, ["north", "south", "west"], [200, 120, 80], count),
                "channel": _chosen(random, ["web", "phone"], [300, 100], count),
            }
        )


def _chosen(
    random: np.random.Generator, names: list[str], weights: list[int], count: int
) -> npt.NDArray[Any]:
    return random.choice(names, count, p=random.dirichlet(weights))


def _drawn_score(rows: pd.DataFrame) -> Floats:
    price = np.log(rows["price"].clip(lower=1).fillna(20))
    level = price - 3.5 + rows["items"] / 10 + (rows["temp"] - 55) / 40
    scores: Floats = (1 / (1 + np.exp(-level))).to_numpy()
    return scores
