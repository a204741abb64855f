"""What stands below a histogram: the edges of its bins, or their names, as many as there is room for."""

import re
from collections.abc import Sequence

# As `profile.Bins` calls its bins of numbers.
_RANGE = re.compile(
    r"\[(?P<low>[-+.\de]+), (?P<high>[-+.\de]+)\)|< (?P<below>[-+.\de]+)|>= (?P<from>[-+.\de]+)"
)

# A place from 0, the left end, to 1, and what is said there.
Tick = tuple[float, str]


def ticks(labels: Sequence[str]) -> list[Tick]:
    """Bins of numbers are named by the edges between them, all others in their middle."""
    step = 1 / max(len(labels), 1)
    found: dict[float, str] = {}
    for number, label in enumerate(labels):
        if named := _RANGE.fullmatch(label):
            for side, edge in (
                (number, named["low"] or named["from"]),
                (number + 1, named["high"] or named["below"]),
            ):
                if edge:
                    found[side * step] = _number(float(edge))
        else:
            found[(number + 0.5) * step] = short(label, 11)
    return sorted(found.items())


def thinned(found: Sequence[Tick], letters: float) -> list[Tick]:
    """As many of them as fit into so many letters: both ends first, then those in the middle of the widest gaps."""
    kept: list[Tick] = []
    rest = [*found[:1], *found[-1:], *found[1:-1]] if len(found) > 1 else list(found)
    while rest:
        tick = (
            rest[0]
            if len(kept) < 2
            else max(rest, key=lambda one: min(abs(one[0] - other[0]) for other in kept))
        )
        rest.remove(tick)
        if all(_apart(tick, other, letters) for other in kept):
            kept.append(tick)
    return sorted(kept)


def anchored(tick: Tick, letters: float) -> tuple[float, str]:
    """Where a word is anchored, and by which end: in its middle, but inside of the picture."""
    place, half = tick[0], len(tick[1]) / letters / 2
    if place < half:
        return 0, "start"
    return (1, "end") if place > 1 - half else (place, "middle")


def span(tick: Tick, letters: float) -> tuple[float, float]:
    """From where to where a word goes."""
    (place, anchor), width = anchored(tick, letters), len(tick[1]) / letters
    left = place - width * {"start": 0, "middle": 0.5, "end": 1}[anchor]
    return left, left + width


def short(said: str, most: int = 20) -> str:
    """A bin's name, cut where it is long."""
    return said if len(said) <= most else said[: most - 1] + "…"


def _apart(one: Tick, other: Tick, letters: float) -> bool:
    (_, end), (start, _) = (span(tick, letters) for tick in sorted((one, other)))
    return start - end >= 1 / letters


def _number(edge: float) -> str:
    return f"{edge:.0f}" if 100 <= abs(edge) < 1e6 else f"{edge:.3g}"
