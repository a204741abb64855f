"""Faults in one slice only: how often a night without one is called unusual, and what finds them.

All looks are taken as a run takes them, at one rate: the night by itself, with the nights before, and slice by slice.
Held-out nights are published one after the other, as in benchmarks/published.py. A fault is put into the rows of one
value of a slice, on every sixth later night by itself; beside it stands what finds it without the look at slices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks import checks
from benchmarks.nights import Nights
from benchmarks.published import Published, at, only
from benchmarks.spoil import Sliced
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import Distance
from pipeline.monitoring.pooled.windows import SIZES
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced import look as slice_look
from pipeline.monitoring.sliced.grid import SliceCounts
from pipeline.monitoring.sliced.look import SlicedRun

EVERY = 6  # a fault is put into every sixth later night


@dataclass(frozen=True)
class Seen:
    """What the looks say of a night.

    Attributes:
        whole: as a whole, by itself and with the nights before.
        sliced: slice by slice.
    """

    whole: tuple[Distance, ...]
    sliced: SlicedRun

    @property
    def flagged(self) -> tuple[bool, bool]:
        """Whether the looks at all rows find anything, and whether the one at slices does."""
        return any(each.unusual for each in self.whole), any(each.unusual for each in self.sliced.distances)


def held_out(reference: Reference, rate: float, pieces: int) -> dict[str, float]:
    """Share of training nights that any look calls unusual, that the looks at all rows do, and the one at slices."""
    days = len(reference.training_days)
    piece = np.arange(days) * pieces // days
    flagged = []
    counts = {name: reference.slices.counts(name) for name in reference.slices.packed}
    for number in range(pieces):
        places = np.flatnonzero(piece == number)
        first = max(places[0] - max(SIZES) + 1, 0)
        known = np.ones(days, bool)
        known[first : places[-1] + 1] = False
        published = Published(only(reference, known), rate)
        for place in range(first, places[-1] + 1):
            sliced = {name: each[place] for name, each in counts.items()}
            night = _seen(published, reference.training_days[place], at(reference, place), sliced)
            if place >= places[0]:
                flagged.append(night.flagged)
    return _shares(flagged)


def print_power(nights: Nights, rate: float) -> None:
    """Print how often later nights are called unusual as they came, and on how many of them each fault is found."""
    days = list(nights.later)
    published = Published(nights.reference, rate)
    clean = [_seen(published, day, *_counted(nights, nights.later[day])) for day in days]
    print("later nights as they came, with slices: " + in_words(_shares([night.flagged for night in clean])))
    print(f"{'faults in one slice only':44}{'all rows':>10}{'slices':>10}{'named':>10}{'rows':>8}")
    for name, fault in nights.sliced.items():
        looks_ = []
        for place in range(max(SIZES), len(days), EVERY):
            before = Published(nights.reference, rate, published.nights[:place])
            rows = fault.rows(nights.later[days[place]].copy())
            looks_.append(_seen(before, days[place], *_counted(nights, rows)))
        named = [_names(night.sliced, fault) for night in looks_]
        flagged = np.mean([night.flagged for night in looks_], axis=0)
        many = np.median([np.sum(rows[fault.sliced] == fault.value) for rows in nights.later.values()])
        print(f"{name:44}{flagged[0]:10.0%}{flagged[1]:10.0%}{np.mean(named):10.0%}{many:8.0f}", flush=True)


def in_words(shares: Mapping[str, float]) -> str:
    """Shares by look."""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _names(seen: SlicedRun, fault: Sliced) -> bool:
    return any(
        each.unusual and (each.sliced, each.value, each.column) == (fault.sliced, fault.value, fault.column)
        for each in seen.distances
    )


def _seen(published: Published, day: date, counts: Mapping[str, Counts], sliced: SliceCounts) -> Seen:
    pooled = published.pooled(day)
    whole = published.publish(day, counts, besides=bool(sliced))
    seen = slice_look.look(published.reference, tuple(sliced), sliced, published.rate, (whole, pooled))
    return Seen(whole, seen)


def _counted(nights: Nights, rows: pd.DataFrame) -> tuple[Mapping[str, Counts], SliceCounts]:
    table = pa.Table.from_pandas(rows.assign(**{SCORE: nights.score(rows)}), preserve_index=False)
    columns = {name: table[name].combine_chunks() for name in nights.reference.bins}
    grid = slice_look.grid_of(nights.reference, nights.reference.slices.grid.values)
    return checks.profile(nights, rows, nights.score(rows)).counts, grid.count(columns)


def _shares(flagged: Sequence[tuple[bool, bool]]) -> dict[str, float]:
    whole, sliced = np.array(flagged).T
    return {
        "all looks": float((whole | sliced).mean()),
        "all rows": float(whole.mean()),
        "slices": float(sliced.mean()),
    }
