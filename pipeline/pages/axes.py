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
    if len(found) < 3:
        return list(found)
    kept = [found[0], found[-1]]
    rest = list(found[1:-1])
    while rest:
        tick = max(rest, key=lambda one: min(abs(one[0] - other[0]) for other in kept))
        rest.remove(tick)
        if all(_apart(tick, other, letters) for other in kept):
            kept.append(tick)
    return sorted(kept)


def short(said: str, most: int = 20) -> str:
    """A bin's name, cut where it is long."""
    return said if len(said) <= most else said[: most - 1] + "…"


def _apart(one: Tick, other: Tick, letters: float) -> bool:
    # One at an end stands wholly inside of it, any other to both sides of its place.
    taken = sum(len(said) * (0.5 if 0.15 <= place <= 0.85 else 1) for place, said in (one, other))
    return abs(one[0] - other[0]) * letters > taken + 1


def _number(edge: float) -> str:
    return f"{edge:.0f}" if 100 <= abs(edge) < 1e6 else f"{edge:.3g}"
