"""How often a new champion's first run is held without cause, and which faults show: `python -m benchmarks.first_run`.

The rule of pipeline/monitoring/first_run was chosen on the flights, so theirs are no held-out nights. The six other
tables (benchmarks/tables.py) were looked at once, with the rule as it is. The version before is that of each table; the
new one is a model of the same kind, trained on the first two fifths of the later nights. Of the rest each night is a
first run in turn: the 28 nights before are the evidence, of which the last two have no outcomes yet and do not count.

The sample's versions 1 and 2 have the same bytes, so their scores never move: what is held is a fault.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from benchmarks import nights, tables
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Floats
from models.flight_delay.training import make_model
from pipeline.monitoring.first_run.movement import Movement, excesses

DATES, DELAY = 28, 2
TRAINED = 0.4  # of the later nights

FAULTS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "as they came": lambda scores, random: scores,
    "x1.5": lambda scores, random: np.minimum(scores * 1.5, 1),
    "squared": lambda scores, random: scores**2,
    "other rows' scores": lambda scores, random: random.permutation(scores),
}

# A night's scores by the version before and by the new one.
Pair = tuple[Floats, Floats]


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    print(f"{'':30}{'first runs':>12}" + "".join(f"{name:>20}" for name in FAULTS))
    flights = nights.flights()
    same = [(flights.score(rows), flights.score(rows)) for _, rows in sorted(flights.later.items())]
    _print("flights, versions 1 and 2", held(same))
    _print("flights, trained again", held(retrained(flights, make_model())))
    others = []
    for name, table in tables.tables().items():
        others.append(held_of(table))
        _print(name, others[-1])
    _print("the six tables together", _together(others))
    print("; ".join(f"{what} {figure}" for what, figure in summary(others)))


def held_of(table: Nights) -> dict[str, int]:
    """How many first runs of a table's new version are held."""
    return held(retrained(table, tables.untrained()))


def summary(counts: Sequence[dict[str, int]]) -> list[tuple[str, str]]:
    """What the closing table says of all tables."""
    together = _together(counts)
    runs = together["first runs"]
    return [
        ("first runs of a new champion held without cause", f"{together['as they came']} of {runs}"),
        ("the same with scores x1.5", f"{together['x1.5'] / runs:.0%}"),
    ]


def retrained(known: Nights, model: Pipeline) -> list[Pair]:
    """Later nights, scored by the version before and by one that has learnt from the first of them."""
    assert known.actual is not None  # noqa: S101 every table has outcomes
    days = sorted(known.later)
    names = [column.name for column in known.manifest.columns]
    first, rest = days[: int(TRAINED * len(days))], days[int(TRAINED * len(days)) :]
    outcome = np.concatenate([known.actual(day, known.later[day]) for day in first])
    rows = pd.concat([known.later[day] for day in first], ignore_index=True)[names]
    has = ~np.isnan(outcome)
    model.fit(rows[has], outcome[has] == 1)
    return [
        (known.score(known.later[day]), model.predict_proba(known.later[day][names])[:, 1]) for day in rest
    ]


def held(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many first runs there are, and how many of them are held, as they came and with each fault."""
    random = np.random.default_rng(SEED)
    counts = {"first runs": 0, **dict.fromkeys(FAULTS, 0)}
    ordinary = [_movement(before, after) for before, after in pairs]
    for place in range(DATES + DELAY, len(pairs)):
        evidence = ordinary[place - DATES - DELAY : place - DELAY]
        counts["first runs"] += 1
        before, after = pairs[place]
        for name, spoil in FAULTS.items():
            counts[name] += bool(list(excesses(evidence, 1, _movement(before, spoil(after, random)))))
    return counts


def _together(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(each[name] for each in counts) for name in counts[0]}


def _movement(before: Floats, after: Floats) -> Movement:
    return Movement.of("binary", before, after, 0.0)


def _print(name: str, counts: dict[str, int]) -> None:
    runs = counts["first runs"]
    print(
        f"{name:30}{runs:>12}" + "".join(f"{f'{counts[each] / runs:.1%}':>20}" for each in FAULTS), flush=True
    )


if __name__ == "__main__":
    main()
