"""How well the rate of false alarms is kept: `python -m benchmarks.calibration`.

Nights are drawn as counts, some data sets of each kind: 60 to 365 training nights, 5 to 40 columns, levels that last
from one night to weeks, with and without a season. No fault is in them. Of each, every sixth of the training nights is
held against the others, and nights that follow against all.
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

import numpy as np
from scipy.stats import norm

from benchmarks import published
from benchmarks.drift import HELD_OUT, false_alarms, flags
from benchmarks.spoil import SEED, Floats
from pipeline.monitoring.bins import TENTHS, Bins, Counts
from pipeline.monitoring.references import Reference

LATER = 60  # nights after training

NIGHTS, COLUMNS, LASTING, SEASONS = (60, 120, 181, 365), (5, 15, 40), (0.0, 0.5, 0.9), (0.0, 0.3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", type=int, default=5, help="data sets of each kind")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument(
        "--pooled", action="store_true", help="hold nights out with those before, all looks at the rate"
    )
    options = parser.parse_args()
    print("nights columns lasting season  held out  later")
    shares = []
    for number, kind in enumerate(product(NIGHTS, COLUMNS, LASTING, SEASONS)):
        sets = [
            _measure(np.random.default_rng([SEED, number, one]), kind, options.rate, pooled=options.pooled)
            for one in range(options.sets)
        ]
        held_out, later = np.mean(sets, axis=0)
        shares.append(held_out)
        print("{:6} {:7} {:7} {:6}".format(*kind) + f" {held_out:9.1%} {later:6.1%}", flush=True)
    within = np.mean([options.rate / 1.5 <= one <= options.rate * 1.5 for one in shares])
    spread = f"from {min(shares):.1%} to {max(shares):.1%}"
    print(f"rate {options.rate:.0%} held_out {np.mean(shares):.1%} {spread} within_factor_1.5 {within:.0%}")


def _measure(
    random: np.random.Generator, kind: tuple[int, int, float, float], rate: float, *, pooled: bool
) -> tuple[float, float]:
    nights, columns, lasting, season = kind
    days = tuple(date(2023, 1, 1) + timedelta(days=number) for number in range(nights + LATER))
    bins, counts = _drawn(random, days, columns, lasting, season)
    drawn = Reference(bins, days, counts)
    reference = Reference(bins, days[:nights], {name: found[:nights] for name, found in counts.items()})
    if pooled:
        return published.shares(published.held_out(reference, rate, HELD_OUT))["all looks"], float("nan")
    later = [flags(reference, drawn, place, rate) for place in range(nights, len(days))]
    return false_alarms(reference, rate), float(np.mean(later))


def _drawn(
    random: np.random.Generator, days: tuple[date, ...], columns: int, lasting: float, season: float
) -> tuple[dict[str, Bins], dict[str, Counts]]:
    """Columns whose level moves with a common one, with weekends, with storms on every twentieth night, and seasons."""
    size, number = len(days), np.arange(len(days))
    weekend = np.array([day.weekday() >= 5 for day in days])
    rows = np.exp(_levels(random, size, lasting) * 0.06) * np.where(weekend, 0.7, 1) * 800
    common, storm = _levels(random, size, lasting), random.random(size) < 0.05
    bins, counts = {}, {}
    for name in (f"column_{place}" for place in range(columns)):
        spread = random.choice([0.03, 0.1, 0.3])
        level = 0.87 * _levels(random, size, lasting) + random.choice([-0.5, 0.5]) * common
        level += random.choice([0, 0.7]) * weekend
        level += random.choice([0, 0, 2]) * storm * np.abs(random.standard_t(3, size))
        wave = np.sin(2 * np.pi * (number / 365 + random.random()))
        shares = _shares(random, spread * level + season * random.choice([0, 0, 1]) * wave)
        bins[name] = Bins(name, "edges", edges=tuple(range(shares.shape[1] - 2)))
        counts[name] = np.array([random.multinomial(int(n), p) for n, p in zip(rows, shares, strict=True)])
    return bins, counts


def _levels(random: np.random.Generator, size: int, lasting: float) -> Floats:
    """Levels of variance 1; each keeps so much of the one before."""
    return np.array(list(_walk(random, size, lasting)))


def _walk(random: np.random.Generator, size: int, lasting: float) -> Iterator[float]:
    level = random.normal()
    for _ in range(size):
        yield level
        level = lasting * level + np.sqrt(1 - lasting**2) * random.normal()


def _shares(random: np.random.Generator, level: Floats) -> Floats:
    """Shares of bins by night: of a number that moves, or of categories; now and then with some missing."""
    if random.random() < 2 / 3:
        edges = norm.ppf(np.linspace(0, 1, TENTHS + 1)[1:-1])
        below = norm.cdf(edges[None, :] - level[:, None])
        shares = np.diff(below, axis=1, prepend=0, append=1)
    else:
        many = random.integers(3, 12)
        shares = random.dirichlet(np.full(many, 2)) * np.exp(np.outer(level, random.normal(size=many)))
    missing = random.choice([0, 0, 0.02])
    columns = np.column_stack(
        [shares / shares.sum(axis=1, keepdims=True) * (1 - missing), np.full(len(level), missing)]
    )
    whole: Floats = columns / columns.sum(axis=1, keepdims=True)
    return whole


if __name__ == "__main__":
    main()
