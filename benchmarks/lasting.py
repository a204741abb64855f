"""Faults that stay, and begin small: which look finds them (`python -m benchmarks.drift`).

A fault begins on every 24th later night, and stays for 28. Counted is in how many of these episodes a look finds
something in the fault's column, and in how many of the same nights without it. Nights before were published without
the fault.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from benchmarks import checks
from benchmarks.nights import Nights
from benchmarks.published import LOOKS, Counted, Published
from benchmarks.spoil import Lasting
from pipeline.monitoring.bins import Counts
from pipeline.monitoring.calibration import Distance
from pipeline.monitoring.pooled.windows import SIZES

STAYS = 28  # nights
EVERY = 24  # a fault begins on every so many nights


def print_power(nights: Nights, rate: float) -> None:
    """Print in how many episodes of each fault that stays each look finds it, in its own column."""
    days = list(nights.later)
    published = Published(nights.reference, rate)
    clean = [published.publish(day, _profile(nights, nights.later[day])) for day in days]
    starts = range(max(SIZES), len(days) - STAYS + 1, EVERY)
    print(
        f"faults that stay for {STAYS} nights, begun on {len(starts)} nights in turn: found in their column by"
    )
    print(
        f"{'':36}{'any look':>10}" + "".join(f"{_name(look):>16}" for look in LOOKS) + "  (without the fault)"
    )
    for name, fault in nights.lasting.items():
        cache: dict[date, Mapping[str, Counts]] = {}
        episodes = []
        for start in starts:
            stream = Published(nights.reference, rate, published.nights[:start])
            spoilt = _spoilt(nights, fault, days[start : start + STAYS], cache)
            episodes.append([stream.publish(day, counts) for day, counts in spoilt])
        without = [clean[start : start + STAYS] for start in starts]
        with_fault, alike = (_found(each, fault.column) for each in (episodes, without))
        numbers = "".join(f"{share:>{16 if place else 10}.0%}" for place, share in enumerate(with_fault))
        print(f"{name:36}{numbers}  ({', '.join(f'{share:.0%}' for share in alike)})", flush=True)
    _print_later(clean)
    _print_after(nights, rate, published.nights, starts)


def _found(episodes: Sequence[Sequence[Sequence[Distance]]], column: str) -> list[float]:
    """In how many episodes any look finds something in a column, and each look."""
    caught = [
        [
            any(
                each.unusual and each.runs == look and each.column == column
                for night in episode
                for each in night
            )
            for look in LOOKS
        ]
        for episode in episodes
    ]
    return [float(np.mean([any(looks_) for looks_ in caught])), *np.mean(caught, axis=0).tolist()]


def _print_later(clean: Sequence[Sequence[Distance]]) -> None:
    """How often later nights are called unusual as they came, and in what."""
    for look in LOOKS:
        taken = [[each for each in night if each.runs == look] for night in clean]
        taken = [night for night in taken if night]
        columns = Counter(next((each.column for each in night if each.unusual), None) for night in taken)
        named = ", ".join(
            f"{column!r} {many}" for column, many in columns.most_common(4) if column is not None
        )
        share = 1 - columns[None] / len(taken) if taken else 0
        print(
            f"later nights as they came, {_name(look)}: {share:.1%} of {len(taken)} are called unusual: {named}"
        )


def _print_after(nights: Nights, rate: float, ordinary: Sequence[Counted], starts: range) -> None:
    """How often later nights are called unusual together because of one night that was so by itself."""
    name, fault = next(iter(nights.faults.items()))
    changed = Counter[bool]()
    for start in starts:
        day, before = ordinary[start].day, ordinary[start - 1].day
        rows = fault.rows(nights.later[day].copy(), nights.later[before])
        streams = [Published(nights.reference, rate, ordinary[:start]) for _ in range(2)]
        streams[0].publish(day, _profile(nights, rows))
        streams[1].publish(day, ordinary[start].counts)
        for night in ordinary[start + 1 : start + STAYS]:
            spoilt, clean = (
                {
                    each.column
                    for each in stream.publish(night.day, night.counts)
                    if each.runs > 1 and each.unusual
                }
                for stream in streams
            )
            changed[bool(spoilt - clean)] += 1
    print(
        f"one night with {name}: of the {STAYS - 1} nights after it, {changed[True] / changed.total():.1%} are called "
        "unusual together where they were not without it"
    )


def _spoilt(
    nights: Nights, fault: Lasting, days: Sequence[date], cache: dict[date, Mapping[str, Counts]]
) -> Iterator[tuple[date, Mapping[str, Counts]]]:
    for number, day in enumerate(days):
        if fault.grows or day not in cache:
            cache[day] = _profile(nights, fault.rows(nights.later[day].copy(), number + 1))
        yield day, cache[day]


def _profile(nights: Nights, rows: pd.DataFrame) -> Mapping[str, Counts]:
    return checks.profile(nights, rows, nights.score(rows)).counts


def _name(look: int) -> str:
    return "night alone" if look == 1 else f"over {look} nights"
