"""How often a night is called unusual without cause, and which faults are found: `python -m benchmarks.drift`.

The sample model's nights of January to June are the reference; each of six pieces of them is left out in turn and held
against the rest, and the nights of July to December against all of them. Faults are put into ordinary nights of July to
December, which then go through the contract, the model and every check of the gate. Beside them stand the usual rules:
any feature with a PSI above 0.2, and any with a p-value of Kolmogorov and Smirnov (chi-squared for categories) below
5 %.

Then the nights are published one after the other, and each is looked at with the 6 and 27 before it, all looks at one
rate; and faults that begin small stay for 28 nights. Last, each is looked at slice by slice besides, and faults are put
into the rows of one slice only (benchmarks/slices.py).

`--tables` does the same on six other real tables, and `--simulated` on years that are drawn, with effects of night,
weekday and season. benchmarks/README.md says which part of the rule was chosen on what.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from benchmarks import checks, lasting, nights, published, slices, tables
from benchmarks.checks import RATE
from benchmarks.nights import Nights
from benchmarks.spoil import SEED, Fault, Floats
from pipeline.monitoring import drift
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference

HELD_OUT = 6  # pieces of the training nights
EVERY = 6  # a fault is put into every sixth night that is later than the reference
CAUGHT = 0.8  # share of nights on which a fault is found that counts as caught
WINDOW = 28  # nights of results that are looked at together
CALM = 0.5  # share of later nights; where more are unusual as they are, nothing can be said of a fault
YEARS = 8  # drawn data sets
RATES = (0.01, RATE, 0.1)

RULES = ("drift", "score_drift", "volume", "same rows", "rejected_fraction", "constant_score", "min_rows")


@dataclass(frozen=True)
class Night:
    """A night, spoilt or not.

    Attributes:
        day: its score date.
        rows: what the query gives.
        scores: what the model gives.
        before: the night before, without the fault.
    """

    day: date
    rows: pd.DataFrame
    scores: Floats
    before: PreviousRun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--tables", action="store_true")
    chosen.add_argument("--simulated", action="store_true")
    named = _named(parser.parse_args())
    kinds = list(named.values())
    held_out = np.array([[false_alarms(one.reference, rate) for rate in RATES] for one in kinds])
    for name, shares in (*zip(named, held_out, strict=True), ("mean", held_out.mean(axis=0))):
        shares_text = ", ".join(
            f"{share:.1%} at {rate:.0%}" for rate, share in zip(RATES, shares, strict=True)
        )
        print(f"held-out training nights flagged, {name}: {shares_text}")
    together = {name: published.held_out(one.reference, RATE, HELD_OUT) for name, one in named.items()}
    for name, flagged in together.items():
        shares_text = ", ".join(f"{look} {share:.1%}" for look, share in published.shares(flagged).items())
        print(f"the same with the nights before, at {RATE:.0%} for all looks, {name}: {shares_text}")
    with_slices = {name: slices.held_out(one.reference, RATE, HELD_OUT) for name, one in named.items()}
    for name, shares in with_slices.items():
        print(f"the same with slices, at {RATE:.0%} for all looks, {name}: {slices.in_words(shares)}")
    print(f"{'':26}{'ours':>8}{'PSI 0.2':>9}{'KS 5 %':>8}  our checks, by share of nights")
    later = {name: _row(f"later: {name}", [(one, Fault())], every=1) for name, one in named.items()}
    calm = [one for name, one in named.items() if later[name] < CALM]
    ordinary = np.average(list(later.values()), weights=[len(one.later) for one in kinds])
    faults = {
        name: [(one, one.faults[name]) for one in calm if name in one.faults] for name in calm[0].faults
    }
    caught = [_row(name, spoilt) >= CAUGHT for name, spoilt in faults.items()]
    for name in ("half of the rows gone", "rows doubled"):
        print(f"{name}, by the number of rows: " + _volume(faults[name]))
    for one in kinds:
        if one.lasting:
            lasting.print_power(one, RATE)
    for name, one in named.items():
        print(name)
        slices.print_power(one, RATE)
    sliced = np.mean([shares["all looks"] for shares in with_slices.values()])
    all_looks = np.mean([published.shares(flagged)["all looks"] for flagged in together.values()])
    print(
        f"reference_nights_flagged {held_out[:, RATES.index(RATE)].mean():.1%} ordinary_nights_flagged {ordinary:.1%} "
        f"faults_caught {sum(caught)}/{len(caught)} all_looks_flagged {all_looks:.1%} "
        f"with_slices_flagged {sliced:.1%}"
    )


def _named(said: argparse.Namespace) -> Mapping[str, Nights]:
    if said.tables:
        return tables.tables()
    if said.simulated:
        return {f"year {year + 1}": nights.drawn(SEED + year) for year in range(YEARS)}
    return {"flights": nights.flights()}


def false_alarms(reference: Reference, rate: float) -> float:
    """Share of the training nights that are called unusual by a reference that has not seen their piece."""
    piece = np.arange(len(reference.training_days)) * HELD_OUT // len(reference.training_days)
    flagged = 0
    for number in range(HELD_OUT):
        rest = replace(
            reference,
            training_days=tuple(
                night for night, at in zip(reference.training_days, piece, strict=True) if at != number
            ),
            counts={name: counts[piece != number] for name, counts in reference.counts.items()},
        )
        for place in np.flatnonzero(piece == number):
            flagged += flags(rest, reference, int(place), rate)
    return flagged / len(reference.training_days)


def flags(known: Reference, drawn_from: Reference, place: int, rate: float) -> bool:
    """Whether a night, with the one before it, is called unusual by what is known."""

    def at(number: int) -> dict[str, Counts]:
        return {name: distances[number] for name, distances in drawn_from.counts.items()}

    tonight = Profile(drawn_from.bins, at(place), dict.fromkeys(drawn_from.counts, 0.0))
    last = PreviousRun(drawn_from.training_days[place - 1], at(place - 1)) if place else None
    distances = drift.distances(known, tonight, drawn_from.training_days[place], rate, last)
    return any(one.unusual for one in distances)


def _row(name: str, found: Sequence[tuple[Nights, Fault]], every: int = EVERY) -> float:
    """Print what finds a fault; returns the share of nights on which any check of ours does."""
    spoilt = [(one, night) for one, fault in found for night in _spoilt(one, fault, every)]
    first, fault = found[0]
    ours = [checks.ours(one, night.rows, night.scores, night.day, night.before) for one, night in spoilt]
    refused = checks.golden(first, fault)
    share = 1.0 if refused else float(np.mean([bool(one) for one in ours]))
    usual = [
        np.mean([rule(one, night.rows, night.scores) for one, night in spoilt])
        for rule in (checks.psi_rule, checks.ks_rule)
    ]
    by = {check: float(np.mean([check in one for one in ours])) for check in RULES}
    by["golden rows"] = float(refused)
    by["(range rejected)"] = float(np.mean([checks.strict(one, night.rows) for one, night in spoilt]))
    if share < CAUGHT or refused:
        by |= _outcomes(first, fault)
    parts_text = ", ".join(f"{check} {part:.0%}" for check, part in by.items() if part)
    print(f"{name:26}{share:8.1%}{usual[0]:9.1%}{usual[1]:8.1%}  {parts_text}", flush=True)
    return share


def _volume(found: Sequence[tuple[Nights, Fault]]) -> str:
    """How often the number of rows tells of a fault, where it knows the weekday and where it does not."""
    spoilt = [(one, night) for one, fault in found for night in _spoilt(one, fault, EVERY)]
    shares = [
        np.mean(
            [checks.volume(one, night.rows, night.scores, night.day, weekdays=known) for one, night in spoilt]
        )
        for known in (True, False)
    ]
    return f"{shares[0]:.0%} of nights, {shares[1]:.0%} without a look at the weekday"


def _outcomes(one: Nights, fault: Fault) -> dict[str, float]:
    """Of the months that end on a later night, in how many the model is worse than its base rate, by the results."""
    scores = {night.day: night.scores for night in _spoilt(one, fault, 1)}
    skills = checks.skills(one, scores, WINDOW)
    return {f"(worse than no model, {WINDOW} nights)": float((skills < 0).mean())} if len(skills) else {}


def _spoilt(one: Nights, fault: Fault, every: int) -> Iterator[Night]:
    for before, day in list(pairwise(one.later))[::every]:
        rows = fault.rows(one.later[day].copy(), one.later[before])
        if rows.empty:  # which the run's least number of rows refuses
            continue
        yield Night(day, rows, fault.scores(one.score(rows)), checks.last(one, before))


if __name__ == "__main__":
    main()
