"""What stands below a histogram: the edges of its bins, or their names, as many as there is room for."""

import re
from collections.abc import Callable, Sequence

# As `bins.Bins` calls its bins of numbers.
_RANGE = re.compile(
    r"\[(?P<low>[-+.\de]+), (?P<high>[-+.\de]+)\)|< (?P<below>[-+.\de]+)|>= (?P<from>[-+.\de]+)"
)

_MOST = 11  # letters of a category

# A place from 0, the left end, to 1, and the word there.
Tick = tuple[float, str]


def ticks(labels: Sequence[str]) -> list[Tick]:
    """Bins of numbers are named by the edges between them, all others in their middle."""
    step = 1 / max(len(labels), 1)
    edges: dict[float, float] = {}
    names: dict[float, str] = {}
    for number, label in enumerate(labels):
        if named := _RANGE.fullmatch(label):
            for side, edge in (
                (number, named["low"] or named["from"]),
                (number + 1, named["high"] or named["below"]),
            ):
                if edge:
                    edges[side * step] = float(edge)
        else:
            names[(number + 0.5) * step] = label
    words = zip(
        (*edges, *names), (*_numbers(list(edges.values())), *_shortened(list(names.values()))), strict=True
    )
    return sorted(words)


def thinned(every: Sequence[Tick], letters: float) -> list[Tick]:
    """As many of them as fit into so many letters: both ends first, then those in the middle of the widest gaps."""
    chosen: list[Tick] = []
    rest = [*every[:1], *every[-1:], *every[1:-1]] if len(every) > 1 else list(every)
    while rest:
        tick = (
            rest[0]
            if len(chosen) < 2
            else max(rest, key=lambda tick: min(abs(tick[0] - other[0]) for other in chosen))
        )
        rest.remove(tick)
        if all(_apart(tick, other, letters) for other in chosen):
            chosen.append(tick)
    return sorted(chosen)


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


def short(name: str, most: int = 20) -> str:
    """A bin's name, cut where it is long."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _apart(tick: Tick, other: Tick, letters: float) -> bool:
    (_, end), (start, _) = (span(each, letters) for each in sorted((tick, other)))
    return start - end >= 1 / letters


def figures(values: Sequence[float]) -> list[str]:
    """Numbers with four digits, or as many more as it takes to tell them apart."""
    return _distinct(values, lambda value, more: f"{value:,.{4 + more}g}")


def _numbers(edges: Sequence[float]) -> list[str]:
    def words(edge: float, more: int) -> str:
        return f"{edge:.0f}" if not more and 100 <= abs(edge) < 1e6 else f"{edge:.{3 + more}g}"

    return _distinct(edges, words)


def _distinct(values: Sequence[float], words: Callable[[float, int], str]) -> list[str]:
    texts = [words(value, 0) for value in values]
    # With 17 digits every float is told from every other.
    for more in range(1, 15):
        if len(set(texts)) == len(set(values)):
            break
        texts = [words(value, more) for value in values]
    return texts


def _shortened(names: Sequence[str]) -> list[str]:
    """Names that fit below a bin; one that is cut to the same as another has its end instead, or its number."""
    cut = [short(name, _MOST) for name in names]
    again = [
        f"…{name[1 - _MOST :]}" if cut.count(word) > 1 else word
        for name, word in zip(names, cut, strict=True)
    ]
    return [
        f"{word[: _MOST - 4]}…{number}" if again.count(word) > 1 and len(name) > _MOST else word
        for number, (name, word) in enumerate(zip(names, again, strict=True), 1)
    ]
