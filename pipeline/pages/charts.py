"""Small pictures as inline SVG, for a page that stands alone, prints, and is read out loud.

Drawn by hand, since a page of fifteen such pictures takes 40 kB: matplotlib's take 151 kB, and other libraries bring a
megabyte of script. Colours are classes of the page's style, so that they follow light, dark and print.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

# What a viewer's unit square is stretched to; pictures scale with the page.
WIDTH, HEIGHT = 300, 90

_PICTURE = Markup(
    '<svg class="{kind}" viewBox="0 0 {width} {height}" role="img"><title>{title}</title><desc>{told}</desc>'
    "{inside}</svg>"
)
_BAR = Markup('<rect class="tonight" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
_LINE = Markup('<polyline class="{kind}" points="{points}"/>')
_AREA = Markup('<polygon class="band" points="{points}"/>')
_DOT = Markup('<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r}"><title>{told}</title></circle>')
_TEXT = Markup('<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>')
_CELL = Markup(
    '<g class="night {level}"><title>{told}</title><rect x="{x}" y="{y}" width="13" height="13" rx="2"/>'
    '<text x="{middle}" y="{base}" text-anchor="middle">{sign}</text></g>'
)
_LINK = Markup('<a href="{href}">{inside}</a>')
# Not by colour alone: a printout and one reader in twelve have none.
_SIGNS = {"good": "", "warn": "!", "bad": "✕", "none": ""}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Cell:
    """A night in a calendar.

    Attributes:
        level: good, warn, bad or none.
        told: what a reader or a pointer is told.
        href: where it leads, if anywhere.
    """

    level: str
    told: str
    href: str | None = None


def histogram(
    title: str,
    labels: Sequence[str],
    tonight: Sequence[float],
    reference: Sequence[float] | None = None,
    band: Sequence[tuple[float, float]] | None = None,
) -> Markup:
    """Shares by bin: bars for tonight, a line for the reference, an area from the least to the most of normal nights.

    Args:
        title: what is shown.
        labels: the bins' names.
        tonight: share of rows in each bin, from 0 to 1.
        reference: the same for the reference.
        band: the least and the largest share of normal nights, bin by bin.
    """
    tops = [*tonight, *(reference or ()), *(high for _, high in band or ())]
    top = max(tops, default=0) or 1.0
    step = WIDTH / max(len(labels), 1)

    def height(share: float) -> float:
        return HEIGHT - HEIGHT * share / top

    inside = Markup("").join(
        _BAR.format(
            x=number * step + step * 0.1, y=height(share), width=step * 0.8, height=HEIGHT - height(share)
        )
        for number, share in enumerate(tonight)
    )
    if band:
        low, high = ([height(pair[side]) for pair in band] for side in (0, 1))
        inside = _AREA.format(points=_points([*_steps(high, step), *reversed(_steps(low, step))])) + inside
    if reference:
        steps = _steps([height(share) for share in reference], step)
        inside += _LINE.format(kind="reference", points=_points(steps))
    ends = _ends(labels[0], labels[-1]) if labels else Markup("")
    told = _most("Tonight", labels, tonight) + (_most("Reference", labels, reference) if reference else "")
    return _picture("histogram", title, told, inside + ends, HEIGHT + 14)


def history(title: str, values: Mapping[date, float | None], at: date, *, small: bool = False) -> Markup:
    """A value night by night, with a gap where there is none, and the night `at` marked.

    Args:
        title: what is shown.
        values: night -> value, in order.
        at: the night that the page is about.
        small: without the words at the edges.
    """
    known = {day: value for day, value in values.items() if value is not None}
    if not known:
        return _picture("history", title, "No night has a value.", Markup(""), HEIGHT)
    first, last = min(values), max(values)
    low, high = min(known.values()), max(known.values())
    days = max((last - first).days, 1)

    def place(day: date) -> tuple[float, float]:
        share = (known[day] - low) / (high - low) if high > low else 0.5
        return 4 + (WIDTH - 8) * (day - first).days / days, HEIGHT - 6 - (HEIGHT - 12) * share

    inside = Markup("").join(
        _LINE.format(kind="line", points=_points([place(day) for day in group]))
        for group in _unbroken(values)
    )
    for day, value in known.items():
        x, y = place(day)
        kind = "dot marked" if day == at else "dot"
        inside += _DOT.format(kind=kind, x=x, y=y, r=4 if day == at else 2, told=f"{day}: {value:,.6g}")
    told = f"{len(known)} nights from {first} to {last}: least {low:,.6g}, most {high:,.6g}"
    told += f", {known[at]:,.6g} on {at}." if at in known else "."
    if small:
        return _picture("sparkline", title, told, inside, HEIGHT)
    scale = _TEXT.format(x=WIDTH + 4, y=10, anchor="start", said=f"{high:,.4g}")
    scale += _TEXT.format(x=WIDTH + 4, y=HEIGHT - 2, anchor="start", said=f"{low:,.4g}")
    return _picture("history", title, told, inside + scale + _ends(first, last), HEIGHT + 14, WIDTH + 50)


def calendar(title: str, nights: Mapping[date, Cell]) -> Markup:
    """Nights as cells, a column a week, Monday on top."""
    if not nights:
        return _picture("calendar", title, "No night yet.", Markup(""), 7 * 15)
    monday = min(nights) - timedelta(days=min(nights).weekday())
    inside = Markup("")
    for day, cell in nights.items():
        x, y = 15 * ((day - monday).days // 7), 15 * day.weekday()
        drawn = _CELL.format(
            level=cell.level, told=cell.told, x=x, y=y, middle=x + 6.5, base=y + 10.5, sign=_SIGNS[cell.level]
        )
        inside += _LINK.format(href=cell.href, inside=drawn) if cell.href else drawn
    counts = ((word, sum(cell.level == level for cell in nights.values())) for level, word in _WORDS.items())
    told = ", ".join(f"{count} {word}" for word, count in counts if count)
    return _picture(
        "calendar", title, f"{told}.", inside, 7 * 15, 15 * ((max(nights) - monday).days // 7 + 1)
    )


_WORDS = {
    "good": "as usual",
    "warn": "to look at",
    "bad": "without scores of their own",
    "none": "without a run",
}


def _picture(kind: str, title: str, told: str, inside: Markup, height: int, width: int = WIDTH) -> Markup:
    return _PICTURE.format(kind=kind, title=title, told=told, inside=inside, height=height, width=width)


def _ends(first: object, last: object) -> Markup:
    left = _TEXT.format(x=0, y=HEIGHT + 11, anchor="start", said=_short(first))
    return left + _TEXT.format(x=WIDTH, y=HEIGHT + 11, anchor="end", said=_short(last))


def _short(said: object) -> str:
    text = str(said)
    return text if len(text) <= 20 else text[:19] + "…"


def _steps(heights: Sequence[float], step: float) -> list[tuple[float, float]]:
    return [(x * step, height) for number, height in enumerate(heights) for x in (number, number + 1)]


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _unbroken(values: Mapping[date, float | None]) -> list[list[date]]:
    """Stretches of nights that follow one another and all have a value."""
    found: list[list[date]] = []
    for day, value in values.items():
        if value is None:
            continue
        if found and values.get(day - timedelta(days=1)) is not None:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def _most(who: str, labels: Sequence[str], shares: Sequence[float]) -> str:
    if not shares:
        return ""
    share, label = max(zip(shares, labels, strict=True), key=lambda pair: pair[0])
    return f"{who}: most in {_short(label)} ({share:.1%}). "
