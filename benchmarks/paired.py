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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import tables
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Floats
from pipeline.challenger import paired_test
from pipeline.monitoring.references import LEAST_OUTCOMES

RATE = 0.05
YEAR, PIECE, MONTH, QUARTER = 365, 14, 28, 91
YEARS = 200  # of each table
DRAWN = 5000  # years that break the assumption
NOISE, LEVEL = 0.3, 0.1  # of the log odds, by row and by night

Night = tuple[Floats, Floats]
Noise = Callable[[np.random.Generator, int], Floats]

NOISES: dict[str, Noise] = {
    "noise by row": lambda random, rows: random.normal(0, NOISE, rows),
    "noise by night": lambda random, rows: np.full(rows, random.normal(0, LEVEL)),
}


@dataclass(frozen=True)
class Shares:
    """Of drawn years of a table, by one kind of noise.

    Attributes:
        better: in which an equal version is called better.
        worse: in which it is called worse.
        month: in which a better version is found within 28 nights.
        quarter: in which it is within 91.
    """

    better: float
    worse: float
    month: float
    quarter: float


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    print(f"{'':15}" + "".join(f"{f'{name}: better, worse':>32}{'found in 28, 91':>18}" for name in NOISES))
    measured: list[Shares] = []
    for name, table in tables.tables().items():
        line = f"{name:15}"
        for shares in shares_of(table):
            measured.append(shares)
            line += f"{f'{shares.better:.1%}, {shares.worse:.1%}':>32}{f'{shares.month:.0%}, {shares.quarter:.0%}':>18}"
        print(line, flush=True)
    for name, (better, worse) in broken().items():
        print(f"{name}: called better {better:.1%}, worse {worse:.1%}")
    print("; ".join(f"{what} {figure}" for what, figure in summary(measured)))


def shares_of(table: Nights, years: int = YEARS) -> list[Shares]:
    """What becomes of a table's drawn years, by each kind of noise."""
    known = _nights(table)
    return [_shares(known, noise, years) for noise in NOISES.values()]


def summary(measured: Sequence[Shares]) -> list[tuple[str, str]]:
    """What the closing table says of all tables and kinds of noise."""
    false = [shares.better for shares in measured]
    month, quarter = (
        np.mean([getattr(shares, within) for shares in measured]) for within in ("month", "quarter")
    )
    return [
        (
            "an equal version called better within a year",
            f"{max(false):.1%} at most, {np.mean(false):.1%} on average",
        ),
        (f"a better version found within {MONTH} and {QUARTER} nights", f"{month:.0%}, {quarter:.0%}"),
    ]


def broken() -> dict[str, tuple[float, float]]:
    """Shares of drawn years called better, and worse, where the mean is 0 and the test's assumption is broken."""
    random = np.random.default_rng(SEED)
    drawn = random.normal(size=(DRAWN, YEAR))
    lasting = drawn.copy()
    for night in range(1, YEAR):
        lasting[:, night] += 0.3 * lasting[:, night - 1]
    years = {
        "nights that resemble the night before (0.3)": lasting,
        "differences that are mostly small and seldom large": np.exp(drawn) - np.exp(0.5),
    }
    return {name: _called(differences) for name, differences in years.items()}


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


def _shares(known: list[Night], noise: Noise, number: int) -> Shares:
    random = np.random.default_rng(SEED)
    years = [_year(known, noise, random) for _ in range(number)]
    equal, improved = (np.array(differences) for differences in zip(*years, strict=True))
    decided, better = first_verdicts(improved)
    month, quarter = (float(((decided <= nights) & (better > 0)).mean()) for nights in (MONTH, QUARTER))
    return Shares(*_called(equal), month, quarter)


def _called(differences: Floats) -> tuple[float, float]:
    """The shares of streams whose first verdict is better, and worse."""
    begins, signs = first_verdicts(differences)
    better, worse = (float((np.isfinite(begins) & (signs == sign)).mean()) for sign in (1, -1))
    return better, worse


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


def _year(known: list[Night], noise: Noise, random: np.random.Generator) -> tuple[Floats, Floats]:
    """A drawn year: by how much one noisy version lost more than another, and more than the scores without noise.

    The noise is drawn anew each night, also where a night comes twice: else a pair of versions would not be equal.
    """
    begins = random.integers(0, max(len(known) - PIECE, 1), -(-YEAR // PIECE))
    drawn = np.minimum(begins[:, None] + np.arange(PIECE), len(known) - 1).ravel()[:YEAR]
    lost = np.array(
        [
            [
                _loss(known[night], noise, random),
                _loss(known[night], noise, random),
                _loss(known[night], None, random),
            ]
            for night in drawn
        ]
    )
    return lost[:, 0] - lost[:, 1], lost[:, 0] - lost[:, 2]


if __name__ == "__main__":
    main()
