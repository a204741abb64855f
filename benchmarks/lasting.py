"""Faults that stay: how often pooled runs are called unusual without cause, and which small faults they find.

Held-out nights are looked at as a job's runs are: by themselves, and with the runs before. Neither the nights of a
piece nor the 27 before it, with which its first night is pooled, are known to the reference. A fault begins on every
twelfth later night, small, and stays for 28 nights; counted is where a look finds it within these, beside the same
nights without it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from benchmarks import checks
from benchmarks.nights import Nights
from benchmarks.spoil import Floats, Lasting
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.pooled import looks
from pipeline.monitoring.pooled.windows import SIZES, PooledRuns
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference

STAYS = 28  # nights
EVERY = 12  # a fault begins on every so many nights
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

    def publish(self, day: date, counts: Mapping[str, Counts]) -> tuple[Distance, ...]:
        """Look at a night, and publish it."""
        profile = Profile(self.reference.bins, counts, dict.fromkeys(counts, 0.0))
        last = PreviousRun(self.nights[-1].day, self.nights[-1].counts) if self.nights else None
        pooled = [runs for size in SIZES if (runs := self._pooled(day, size)) is not None]
        distances = looks.distances(self.reference, profile, day, self.rate, last, pooled)
        alone = {one.column for one in distances if one.runs == 1 and one.unusual}
        self.nights.append(Counted(day, counts, frozenset(alone)))
        return distances

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
        published = Published(_only(reference, known), rate)
        for place in range(first, places[-1] + 1):
            distances = published.publish(reference.training_days[place], _at(reference, place))
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


def print_power(nights: Nights, rate: float) -> None:
    """Print in how many episodes of each fault that stays each look finds it."""
    days = list(nights.later)
    clean = {
        day: checks.profile(nights, nights.later[day], nights.score(nights.later[day])).counts for day in days
    }
    published = Published(nights.reference, rate)
    ordinary = [_unusual(published.publish(day, clean[day])) for day in days]
    starts = range(max(SIZES), len(days) - STAYS + 1, EVERY)
    print(
        f"faults that stay for {STAYS} nights, from {len(starts)} different nights on: found within them by"
    )
    print(
        f"{'':40}{'any look':>10}"
        + "".join(f"{_name(look):>15}" for look in LOOKS)
        + "  first pooled finding"
    )
    _print("no fault", [ordinary[start : start + STAYS] for start in starts])
    for name, fault in nights.lasting.items():
        episodes = []
        for start in starts:
            stream = Published(nights.reference, rate, published.nights[:start])
            spoilt = _spoilt(nights, fault, days[start : start + STAYS])
            episodes.append([_unusual(stream.publish(day, counts)) for day, counts in spoilt])
        _print(name, episodes)
    _print_after(nights, rate, published.nights, starts)


def _print(name: str, episodes: Sequence[Sequence[Mapping[int, bool]]]) -> None:
    found = [[any(night.get(look) for night in episode) for look in LOOKS] for episode in episodes]
    first = [
        next(
            (number + 1 for number, night in enumerate(episode) if any(night.get(look) for look in SIZES)),
            None,
        )
        for episode in episodes
    ]
    known = [number for number in first if number is not None]
    on = f"on night {np.median(known):.0f}" if known else ""
    numbers = [np.mean([any(each) for each in found]), *np.mean(found, axis=0)]
    print(
        f"{name:40}{numbers[0]:10.0%}" + "".join(f"{share:15.0%}" for share in numbers[1:]) + f"  {on}",
        flush=True,
    )


def _print_after(nights: Nights, rate: float, ordinary: Sequence[Counted], starts: range) -> None:
    """How often later nights are called unusual together because of one night that was so by itself."""
    name, fault = next(iter(nights.faults.items()))
    after, without = Counter[bool](), Counter[bool]()
    for start in starts:
        day, before = ordinary[start].day, ordinary[start - 1].day
        rows = fault.rows(nights.later[day].copy(), nights.later[before])
        for counter, spoilt in ((after, True), (without, False)):
            stream = Published(nights.reference, rate, ordinary[:start])
            stream.publish(
                day,
                checks.profile(nights, rows, nights.score(rows)).counts if spoilt else ordinary[start].counts,
            )
            for night in ordinary[start + 1 : start + STAYS]:
                unusual = _unusual(stream.publish(night.day, night.counts))
                counter[any(unusual.get(look, False) for look in SIZES)] += 1
    print(
        f"one night with {name}: {_share(after):.1%} of the {STAYS - 1} nights after it are called unusual together, "
        f"and without it {_share(without):.1%}"
    )


def _spoilt(
    nights: Nights, fault: Lasting, days: Sequence[date]
) -> Iterator[tuple[date, Mapping[str, Counts]]]:
    for number, day in enumerate(days):
        rows = fault(nights.later[day].copy(), number + 1)
        yield day, checks.profile(nights, rows, nights.score(rows)).counts


def _unusual(distances: Sequence[Distance]) -> dict[int, bool]:
    """Of each look that was taken, whether it found anything."""
    unusual: dict[int, bool] = {}
    for distance in distances:
        unusual[distance.runs] = unusual.get(distance.runs, False) or distance.unusual
    return unusual


def _only(reference: Reference, known: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Reference:
    days = tuple(day for day, keep in zip(reference.training_days, known, strict=True) if keep)
    return replace(
        reference,
        training_days=days,
        counts={name: counts[known] for name, counts in reference.counts.items()},
    )


def _at(reference: Reference, place: int) -> dict[str, Counts]:
    return {name: counts[place] for name, counts in reference.counts.items()}


def _rows(counts: Mapping[str, Counts]) -> int:
    return int(next(iter(counts.values())).sum())


def _share(counter: Counter[bool]) -> float:
    return counter[True] / max(counter.total(), 1)


def _name(look: int) -> str:
    return "night alone" if look == 1 else f"over {look} nights"
