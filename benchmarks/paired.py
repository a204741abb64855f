"""How often a version that is no better is called better, and how soon one that is: `python -m benchmarks.paired`.

Six real tables (benchmarks/tables.py), on none of which the test was chosen: its one number is for a month of nights,
and its rate is a theorem where equal versions differ as often up as down. The later nights of each table have their
real outcomes and the scores of a model of its earlier nights. Two versions that are equally good are these scores with
noise on their log odds, drawn for each version by itself: a number for each row, or a level for each night. A version
that is better is the scores without that noise.

Years are drawn from the nights in pieces of fourteen, so that bad nights come together as they do, and are looked at
every night.
"""

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks import tables
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Floats
from pipeline.challenger import paired_test
from pipeline.monitoring.references import LEAST_OUTCOMES

RATE = 0.05
YEAR, PIECE, MONTH, QUARTER = 365, 14, 28, 91
VERSIONS, YEARS = 20, 50  # pairs of versions of a table, and years of each
NOISE, LEVEL = 0.3, 0.1  # of the log odds, by row and by night

Night = tuple[Floats, Floats]
Noise = Callable[[np.random.Generator, int], Floats]

NOISES: dict[str, Noise] = {
    "noise by row": lambda random, rows: random.normal(0, NOISE, rows),
    "noise by night": lambda random, rows: np.full(rows, random.normal(0, LEVEL)),
}


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    print(f"{'':15}" + "".join(f"{f'{name}: better, worse':>32}{'found in 28, 91':>18}" for name in NOISES))
    false, power = [], []
    for name, table in tables.tables().items():
        line, known = f"{name:15}", _nights(table)
        for noise in NOISES.values():
            better, worse, month, quarter = _row(known, noise)
            false.append(better)
            power.append(quarter)
            line += f"{f'{better:.1%}, {worse:.1%}':>32}{f'{month:.0%}, {quarter:.0%}':>18}"
        print(line, flush=True)
    print(
        f"called_better_a_year {max(false):.1%} at most, {np.mean(false):.1%} on average; found {np.mean(power):.0%}"
    )


def first_verdicts(differences: Floats) -> tuple[Floats, Floats]:
    """Of each stream of nights, the night of its first verdict, infinity where there is none; and its sign.

    Args:
        differences: of shape (streams, nights).
    """
    streams, nights = differences.shape
    evidence = paired_test.log_evidence_each_day(differences)
    sums = np.cumsum(paired_test.standardised(differences), axis=1)
    decided = evidence >= np.log(1 / RATE)
    first = np.where(decided.any(axis=1), decided.argmax(axis=1), nights - 1)
    signs = np.sign(sums[np.arange(streams), first])
    return np.where(decided.any(axis=1), first + 1.0, np.inf), signs


def _row(known: list[Night], noise: Noise) -> tuple[float, float, float, float]:
    """Shares of years in which an equal version is called better, and worse; and a better one in so many nights."""
    random = np.random.default_rng(SEED)
    equal, improved = [], []
    for _ in range(VERSIONS):
        one, other = (np.array([_loss(night, noise, random) for night in known]) for _ in range(2))
        plain = np.array([_loss(night, None, random) for night in known])
        drawn = _years(random, len(known))
        equal.append((one - other)[drawn])
        improved.append((one - plain)[drawn])
    begins, signs = first_verdicts(np.concatenate(equal))
    found, better = first_verdicts(np.concatenate(improved))
    wrong = [float((np.isfinite(begins) & (signs == sign)).mean()) for sign in (1, -1)]
    right = [float(((found <= nights) & (better > 0)).mean()) for nights in (MONTH, QUARTER)]
    return wrong[0], wrong[1], right[0], right[1]


def _nights(table: Nights) -> list[Night]:
    """What became of the rows of each later night, and the log odds of the model's scores."""
    known = []
    for day, rows in table.later.items():
        if table.actual is None:
            raise ValueError("nothing is known of what became of these rows")
        outcome, scores = table.actual(day, rows), np.clip(table.score(rows), 1e-9, 1 - 1e-9)
        has = ~np.isnan(outcome)
        if has.sum() >= LEAST_OUTCOMES:
            known.append((outcome[has], np.log(scores[has] / (1 - scores[has]))))
    return known


def _loss(night: Night, noise: Noise | None, random: np.random.Generator) -> float:
    outcome, odds = night
    noisy = odds if noise is None else odds + noise(random, len(odds))
    return float(np.logaddexp(0, np.where(outcome == 1, -noisy, noisy)).mean())


def _years(random: np.random.Generator, nights: int) -> npt.NDArray[np.int64]:
    """The nights of so many years, in whole fortnights."""
    begins = random.integers(0, max(nights - PIECE, 1), (YEARS, -(-YEAR // PIECE)))
    fortnights = np.minimum(begins[..., None] + np.arange(PIECE), nights - 1)
    years: npt.NDArray[np.int64] = fortnights.reshape(YEARS, -1)[:, :YEAR]
    return years


if __name__ == "__main__":
    main()
