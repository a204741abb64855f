"""How often a night is called unusual without cause, and which faults are found: `python -m benchmarks.drift`.

The sample model's nights of January to June are the reference; each of six pieces of them is left out in turn and
held against the rest, and the nights of July to December against all of them. Faults are put into ordinary nights of
July to December, and every night is scored by the model with its fault in it. Beside ours stand the usual rules: any
feature with a PSI above 0.2, and any with a p-value of Kolmogorov and Smirnov (chi-squared for categories) below 5 %.

`--simulated` does the same on nights that are drawn, with effects of night, weekday and season: data on which no part
of the rule was chosen.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import chi2_contingency, ks_2samp

from benchmarks.ground import ROOT, join
from pipeline import drift, job, model, queries, references, warehouse
from pipeline.contract import infer
from pipeline.drift import VOLUME
from pipeline.model import Manifest, Model
from pipeline.profile import SCORE, Profile
from pipeline.references import Reference
from pipeline.sample import load

RATE = 0.05
HELD_OUT = 6
EVERY = 6  # a fault is put into every sixth night that is later than the reference
SEED = 20130701

Rule = Callable[[pd.DataFrame, date], bool]
Fault = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Ground:
    """Nights, and what they are compared with.

    Attributes:
        reference: of the training nights.
        training: a sample of the training nights' rows.
        later: rows of each later night.
        score: scores the rows of a night with a fault.
        faults: what is done to a night's rows, and to the day before's.
    """

    reference: Reference
    training: pd.DataFrame
    later: Mapping[date, pd.DataFrame]
    score: Callable[[pd.DataFrame], pd.DataFrame]
    faults: Mapping[str, Fault]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulated", action="store_true")
    ground = simulated() if parser.parse_args().simulated else flights()
    held_out = _held_out(ground.reference)
    rules: dict[str, Rule] = {
        "ours": lambda rows, day: bool(_unusual(ground.reference, rows, day)),
        "PSI 0.2": partial(_psi_rule, ground.reference),
        "KS 5 %": partial(_ks_rule, ground),
    }
    ordinary = {
        name: np.mean([rule(rows, day) for day, rows in ground.later.items()]) for name, rule in rules.items()
    }
    print(f"{'':28}" + "".join(f"{name:>10}" for name in rules) + "  which check of ours, by share of nights")
    print(f"{'ordinary later nights':28}" + "".join(f"{share:10.1%}" for share in ordinary.values()))
    caught = 0
    for name, change in ground.faults.items():
        spoilt = list(_spoilt(ground, change))
        shares = [np.mean([rule(rows, day) for day, rows, _ in spoilt]) for rule in rules.values()]
        again = np.mean([_same(ground.reference, rows, before) for _, rows, before in spoilt])
        checks = [_checks(_unusual(ground.reference, rows, day)) for day, rows, _ in spoilt]
        by = {
            check: np.mean([check in found for found in checks])
            for check in ("drift", "score_drift", "volume")
        }
        by["same as last night"] = again
        said = ", ".join(f"{check} {share:.0%}" for check, share in by.items() if share)
        found = max(shares[0], again)
        caught += int(found >= 0.8)
        print(f"{name:28}" + "".join(f"{share:10.1%}" for share in [found, *shares[1:]]) + f"  {said}")
    print(
        f"reference_nights_flagged {held_out:.1%} ordinary_nights_flagged {ordinary['ours']:.1%} "
        f"faults_caught {caught}/{len(ground.faults)}"
    )


def flights() -> Ground:
    """The sample's nights, and its champion."""
    server = join().server
    load(server.connections["warehouse_owner"])
    name = job.find(ROOT / "dags", "flight_delay").extract.query
    query = queries.read(ROOT / "sql", name)
    pinned = model.resolve(ROOT, "flight_delay", "champion")
    loaded, reference = model.load(pinned), references.load(pinned)
    nights = {}
    day = reference.nights[0]
    while day.year == reference.nights[0].year:
        with warehouse.stream(server.connections["warehouse"], query, {"score_date": day}, name) as reader:
            nights[day] = _score(loaded, reader.read_all().to_pandas())
        day += timedelta(days=1)
    training = pd.concat(
        [rows for day, rows in nights.items() if day <= reference.nights[-1]], ignore_index=True
    )
    later = {day: rows for day, rows in nights.items() if day > reference.nights[-1]}
    return Ground(
        reference, training.sample(5000, random_state=SEED), later, partial(_score, loaded), _FLIGHT_FAULTS
    )


def simulated() -> Ground:
    """Drawn nights: four numbers and two categories, each with a level of the night, the weekday and the season."""
    random = np.random.default_rng(SEED)
    nights = dict(_drawn(random, 365))
    first = next(iter(nights))
    training = pd.concat(
        [rows.assign(night=day) for day, rows in nights.items() if (day - first).days < 181],
        ignore_index=True,
    )
    manifest = _manifest(training.drop(columns=["night", "score"]))
    reference = references.build(training, manifest, "night", "score")
    later = {day: rows for day, rows in nights.items() if (day - first).days >= 181}
    return Ground(
        reference, training.sample(5000, random_state=SEED), later, _simulated_score, _SIMULATED_FAULTS
    )


def _held_out(reference: Reference) -> float:
    """Share of the training nights that are called unusual by a reference that has not seen them."""
    piece = np.arange(len(reference.nights)) * HELD_OUT // len(reference.nights)
    flagged = 0
    for number in range(HELD_OUT):
        rest = replace(
            reference,
            nights=tuple(night for night, at in zip(reference.nights, piece, strict=True) if at != number),
            counts={name: counts[piece != number] for name, counts in reference.counts.items()},
        )
        for place in np.flatnonzero(piece == number):
            counts = {name: found[place] for name, found in reference.counts.items()}
            tonight = Profile(reference.bins, counts, dict.fromkeys(counts, 0.0))
            flagged += any(one.unusual for one in drift.judge(rest, tonight, reference.nights[place], RATE))
    return flagged / len(reference.nights)


def _spoilt(ground: Ground, change: Fault) -> Iterator[tuple[date, pd.DataFrame, pd.DataFrame]]:
    days = list(ground.later)
    for before, day in list(pairwise(days))[::EVERY]:
        rows = change(ground.later[day].copy(), ground.later[before])
        fault_of_the_score = not rows["score"].equals(ground.later[day]["score"].reindex(rows.index))
        yield day, rows if fault_of_the_score else ground.score(rows), ground.later[before]


def _profile(reference: Reference, rows: pd.DataFrame) -> Profile:
    columns = {
        name: pa.array(rows[name or "score"].to_numpy(object) if rows[name or "score"].dtype == object
                       else rows[name or "score"], from_pandas=True)
        for name in reference.bins
    }  # fmt: skip
    return Profile.of(
        reference.bins,
        {
            name: one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one
            for name, one in columns.items()
        },
    )


def _unusual(reference: Reference, rows: pd.DataFrame, day: date) -> list[str]:
    found = drift.judge(reference, _profile(reference, rows), day, RATE)
    return [one.what for one in found if one.unusual]


def _checks(unusual: list[str]) -> set[str]:
    return {{SCORE: "score_drift", VOLUME: "volume"}.get(what, "drift") for what in unusual}


def _same(reference: Reference, rows: pd.DataFrame, before: pd.DataFrame) -> bool:
    mine, theirs = _profile(reference, rows).counts, _profile(reference, before).counts
    return all(np.array_equal(counts, theirs[name]) for name, counts in mine.items())


def _psi_rule(reference: Reference, rows: pd.DataFrame, day: date) -> bool:
    counts = _profile(reference, rows).counts
    return any(drift.psi(counts[name], pooled) > 0.2 for name, pooled in reference.pooled.items())


def _ks_rule(ground: Ground, rows: pd.DataFrame, day: date) -> bool:
    for name, bins in ground.reference.bins.items():
        if bins.kind == "edges":
            mine, theirs = (found[name or "score"].dropna() for found in (rows, ground.training))
            if len(mine) == 0 or ks_2samp(mine, theirs).pvalue < RATE:
                return True
        elif bins.kind == "values":
            table = np.array([_profile(ground.reference, rows).counts[name], ground.reference.pooled[name]])
            if chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue < RATE:
                return True
    return False


def _score(loaded: Model, rows: pd.DataFrame) -> pd.DataFrame:
    # Not by the contract, which would reject rows of some faults before the model sees them.
    names = [column.name for column in loaded.manifest.columns]
    return rows.assign(score=loaded.estimator.predict_proba(rows[names])[:, 1])


def _shift(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    """Every number stands in the column of its neighbour."""
    names = [str(name) for name in rows.select_dtypes("number") if name != "score"]
    values = rows[names].to_numpy(float)
    return rows.assign(**{name: values[:, place - 1] for place, name in enumerate(names)})


def _nulls(column: str, rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    gone = np.random.default_rng(SEED).random(len(rows)) < 0.2
    return rows.assign(**{column: rows[column].astype(float).mask(gone)})


def _stretched(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(score=(rows["score"] * 1.5).clip(upper=1))


_FLIGHT_FAULTS: dict[str, Fault] = {
    "distance zeroed": lambda rows, _: rows.assign(distance=0),
    "seats zeroed": lambda rows, _: rows.assign(seats=0.0),
    "miles to km": lambda rows, _: rows.assign(distance=rows["distance"] * 1.609),
    "Celsius for Fahrenheit": lambda rows, _: rows.assign(temp=(rows["temp"] - 32) / 1.8),
    "columns shifted by one": _shift,
    "20 % nulls in plane_year": partial(_nulls, "plane_year"),
    "origin LGA missing": lambda rows, _: rows[rows["origin"] != "LGA"],
    "carrier UA renamed": lambda rows, _: rows.assign(carrier=rows["carrier"].replace("UA", "U2")),
    "yesterday's rows again": lambda rows, before: before,
    "half of the rows gone": lambda rows, _: rows.sample(frac=0.5, random_state=SEED),
    "rows doubled": lambda rows, _: pd.concat([rows, rows], ignore_index=True),
    "scores x1.5": _stretched,
}
_SIMULATED_FAULTS: dict[str, Fault] = {
    "price zeroed": lambda rows, _: rows.assign(price=0.0),
    "distance in km": lambda rows, _: rows.assign(distance=rows["distance"] * 1.609),
    "Celsius for Fahrenheit": lambda rows, _: rows.assign(temp=(rows["temp"] - 32) / 1.8),
    "columns shifted by one": _shift,
    "20 % nulls in price": partial(_nulls, "price"),
    "shop missing": lambda rows, _: rows[rows["shop"] != "north"],
    "channel renamed": lambda rows, _: rows.assign(channel=rows["channel"].replace("web", "www")),
    "yesterday's rows again": lambda rows, before: before,
    "half of the rows gone": lambda rows, _: rows.sample(frac=0.5, random_state=SEED),
    "rows doubled": lambda rows, _: pd.concat([rows, rows], ignore_index=True),
    "scores x1.5": _stretched,
}


def _drawn(random: np.random.Generator, nights: int) -> Iterator[tuple[date, pd.DataFrame]]:
    mood = 0.0
    for number in range(nights):
        day = date(2023, 1, 1) + timedelta(days=number)
        season, weekend = np.sin(2 * np.pi * number / 365), day.weekday() >= 5
        mood = 0.7 * mood + random.normal(0, 0.5)  # a level that lasts for some days
        count = int(random.normal(1000, 40) * (0.7 if weekend else 1))
        rows = pd.DataFrame(
            {
                "price": np.exp(random.normal(3 + 0.1 * mood, 0.6, count)),
                "distance": random.gamma(3, 200 * (1 + 0.03 * random.normal()), count),
                "temp": random.normal(55 - 20 * np.cos(2 * np.pi * number / 365) + 6 * mood, 3, count),
                "items": random.poisson(3 + 0.3 * season + 0.5 * weekend, count).astype(float),
                "shop": random.choice(["north", "south", "west"], count, p=random.dirichlet([200, 120, 80])),
                "channel": random.choice(["web", "phone"], count, p=random.dirichlet([300, 100])),
            }
        )
        yield day, _simulated_score(rows)


def _simulated_score(rows: pd.DataFrame) -> pd.DataFrame:
    level = (
        np.log(rows["price"].clip(lower=1).fillna(20)) - 3.5 + rows["items"] / 10 + (rows["temp"] - 55) / 40
    )
    return rows.assign(score=1 / (1 + np.exp(-level)))


def _manifest(rows: pd.DataFrame) -> Manifest:
    return Manifest.model_construct(
        task="binary", columns=infer(rows, list(rows.columns)).columns, outcome=None
    )


if __name__ == "__main__":
    main()
