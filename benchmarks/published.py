"""Nights that are published one after the other, as a job's runs are: each is looked at with those before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from benchmarks.spoil import Floats
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.pooled import looks
from pipeline.monitoring.pooled.windows import SIZES, PooledRuns
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced.sliced_days import pack

# A night by itself, and the last nights together.
LOOKS = (1, *SIZES)


@dataclass(frozen=True)
class Counted:
    """What is kept of a night that was published.

    Attributes:
        day: its score date.
        counts: by column.
        unusual: the columns in which it is by itself.
    """

    day: date
    counts: Mapping[str, Counts]
    unusual: frozenset[str] = frozenset()


class Published:
    """Nights that are published one after the other, each looked at with those before."""

    def __init__(self, reference: Reference, rate: float, before: Sequence[Counted] = ()) -> None:
        self.reference, self.rate, self.nights = reference, rate, list(before)

    def publish(self, day: date, counts: Mapping[str, Counts], besides: int = 0) -> tuple[Distance, ...]:
        """Look at a night, and publish it; `besides` says how many looks are taken that are none of these."""
        profile = Profile(self.reference.bins, counts, dict.fromkeys(counts, 0.0))
        last = PreviousRun(self.nights[-1].day, self.nights[-1].counts) if self.nights else None
        pooled = self.pooled(day)
        distances = looks.distances(self.reference, profile, day, self.rate, last, pooled, besides)
        alone = {one.column for one in distances if one.runs == 1 and one.unusual}
        self.nights.append(Counted(day, counts, frozenset(alone)))
        return distances

    def pooled(self, day: date) -> list[PooledRuns]:
        """The nights before a night, for each look that has enough of them."""
        return [runs for size in SIZES if (runs := self._pooled(day, size)) is not None]

    def _pooled(self, day: date, size: int) -> PooledRuns | None:
        before = self.nights[1 - size :]
        if len(before) < size - 1 or (day - before[0].day).days >= 2 * size:
            return None
        usual = {name: [one for one in before if name not in one.unusual] for name in self.reference.bins}
        counts = {
            name: np.sum([one.counts[name] for one in kept], axis=0)
            if kept
            else np.zeros(len(self.reference.bins[name].labels), np.int64)
            for name, kept in usual.items()
            if name in before[0].counts
        }
        rows = {one.day: _rows(one.counts) for one in before if VOLUME not in one.unusual}
        return PooledRuns(size - 1, counts, {name: len(kept) for name, kept in usual.items()}, rows)


def held_out(reference: Reference, rate: float, pieces: int) -> dict[int, Floats]:
    """Of each look whether it calls a night unusual that its reference has not seen; NaN where it is not taken."""
    days = len(reference.training_days)
    piece = np.arange(days) * pieces // days
    flagged = {look: np.full(days, np.nan) for look in LOOKS}
    for number in range(pieces):
        places = np.flatnonzero(piece == number)
        first = max(places[0] - max(SIZES) + 1, 0)
        known = np.ones(days, bool)
        known[first : places[-1] + 1] = False
        published = Published(only(reference, known), rate)
        for place in range(first, places[-1] + 1):
            distances = published.publish(reference.training_days[place], at(reference, place))
            if place >= places[0]:
                for look, unusual in _unusual(distances).items():
                    flagged[look][place] = unusual
    return flagged


def shares(flagged: Mapping[int, Floats]) -> dict[str, float]:
    """Of the nights that any look calls unusual, and of each look those that it does among those that it sees."""
    any_look = np.nanmax(np.array(list(flagged.values())), axis=0)
    of_each = {
        "by themselves" if look == 1 else f"over {look}": float(np.nanmean(nights))
        for look, nights in flagged.items()
        if not np.isnan(nights).all()
    }
    return {"all looks": float(any_look.mean()), **of_each}


def _unusual(distances: Sequence[Distance]) -> dict[int, bool]:
    """Of each look that was taken, whether it found anything."""
    unusual: dict[int, bool] = {}
    for distance in distances:
        unusual[distance.runs] = unusual.get(distance.runs, False) or distance.unusual
    return unusual


def only(reference: Reference, known: npt.NDArray[np.bool_]) -> Reference:
    """A reference that knows these days alone."""
    days = tuple(day for day, keep in zip(reference.training_days, known, strict=True) if keep)
    return replace(
        reference,
        training_days=days,
        counts={name: counts[known] for name, counts in reference.counts.items()},
        slices=replace(
            reference.slices,
            packed={name: pack(reference.slices.counts(name)[known]) for name in reference.slices.packed},
        ),
    )


def at(reference: Reference, place: int) -> dict[str, Counts]:
    """The counts of one training day."""
    return {name: counts[place] for name, counts in reference.counts.items()}


def _rows(counts: Mapping[str, Counts]) -> int:
    return int(next(iter(counts.values())).sum())
