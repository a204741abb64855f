"""Small pictures as inline SVG, for a page that stands alone, prints, and is read out loud.

Drawn by hand, since a page of fifteen such pictures takes 40 kB: matplotlib's take 151 kB, and other libraries bring a
megabyte of script. Colours are classes of the page's style, so that they follow light, dark and print. Shapes are
stretched to the room that a picture has; its words and dots are not, so that they can be read on a phone, too.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup

from pipeline.reports import axes

# The frame that shapes are drawn in: its width is stretched, a unit of its height is a pixel.
WIDTH, HEIGHT = 300, 72
# Pixels above and below the frame, for words.
ABOVE, BELOW = 15, 14
# About what a letter takes, and what a picture has at least, in pixels.
_LETTER, NARROW, BROAD = 6.5, 150, 320

_PICTURE = Markup(
    '<svg class="{kind}" role="img" width="100%" height="{height}"><title>{title}</title><desc>{told}</desc>'
    '<svg y="{above}" width="100%" height="{frame}" viewBox="0 0 {width} {frame}" preserveAspectRatio="none">'
    "{shapes}</svg>{words}</svg>"
)
_BAR = Markup('<rect class="tonight" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
_LINE = Markup('<polyline class="{kind}" points="{points}"/>')
_AREA = Markup('<polygon class="band" points="{points}"/>')
_DOT = Markup('<circle class="{kind}" cx="{x:.1f}%" cy="{y:.1f}" r="{r}"><title>{told}</title></circle>')
_TEXT = Markup('<text x="{x:.1f}%" y="{y}" text-anchor="{anchor}">{said}</text>')


Points = Sequence[tuple[float, float]]


def histogram(
    title: str,
    labels: Sequence[str],
    tonight: Sequence[float],
    reference: Sequence[float] | None = None,
    band: Sequence[tuple[float, float]] | None = None,
    *,
    room: int = NARROW,
) -> Markup:
    """Shares by bin: bars for tonight, a line for the reference, an area from the least to the most of normal nights.

    Args:
        title: what is shown.
        labels: the bins' names.
        tonight: share of rows in each bin, from 0 to 1.
        reference: the same for the reference.
        band: the least and the largest share of normal nights, bin by bin.
        room: pixels that the picture has at least; it has more words below with more.
    """
    tops = [*tonight, *(reference or ()), *(high for _, high in band or ())]
    top = max(tops, default=0) or 1.0
    step = WIDTH / max(len(labels), 1)

    def height(share: float) -> float:
        return HEIGHT - HEIGHT * share / top

    shapes = Markup("").join(
        _BAR.format(
            x=number * step + step * 0.1, y=height(share), width=step * 0.8, height=HEIGHT - height(share)
        )
        for number, share in enumerate(tonight)
    )
    if band:
        low, high = ([height(pair[side]) for pair in band] for side in (0, 1))
        shapes = _AREA.format(points=_points([*_steps(high, step), *reversed(_steps(low, step))])) + shapes
    if reference:
        steps = _steps([height(share) for share in reference], step)
        shapes += _LINE.format(kind="reference", points=_points(steps))
    told = _most("Tonight", labels, tonight) + (_most("Reference", labels, reference) if reference else "")
    words = _TEXT.format(x=0, y=ABOVE - 5, anchor="start", said=f"{top:.0%} of the rows")
    letters = room / _LETTER
    for tick in axes.thinned(axes.ticks(labels), letters):
        words += _below(*axes.anchored(tick, letters), tick[1])
    return _picture("histogram", title, told, shapes, words)


def history(title: str, values: Mapping[date, float | None], at: date, *, small: bool = False) -> Markup:
    """A value night by night, with a gap where there is none, and the night `at` marked.

    Args:
        title: what is shown.
        values: night -> value, in order.
        at: the night that the page is about.
        small: without words.
    """
    kind, above = ("sparkline", 0) if small else ("history", ABOVE)
    known = {day: value for day, value in values.items() if value is not None}
    if not known:
        return _picture(kind, title, "No night has a value.", Markup(""), Markup(""))
    first, last = min(values), max(values)
    low, high = min(known.values()), max(known.values())
    days = max((last - first).days, 1)

    def place(day: date) -> tuple[float, float]:
        # Halves, since the range itself may be too large for a float.
        share = (known[day] / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
        return 4 + (WIDTH - 8) * (day - first).days / days, HEIGHT - 6 - (HEIGHT - 12) * share

    shapes = Markup("").join(
        _LINE.format(kind="line", points=_points([place(day) for day in group]))
        for group in _unbroken(values)
    )
    words = Markup("")
    for day, value in known.items():
        x, y = place(day)
        dot = "dot marked" if day == at else "dot"
        told = f"{day}: {value:,.6g}"
        words += _DOT.format(kind=dot, x=x * 100 / WIDTH, y=above + y, r=4 if day == at else 2, told=told)
    told = f"{len(known)} nights from {first} to {last}: least {low:,.6g}, most {high:,.6g}"
    told += f", {known[at]:,.6g} on {at}." if at in known else "."
    if not small:
        least, most = axes.figures([low, high])
        text = f"{least} to {most}" if high > low else f"always {low:,.4g}"
        words += _TEXT.format(x=0, y=ABOVE - 5, anchor="start", said=text)
        if at in known:
            words += _TEXT.format(x=100, y=ABOVE - 5, anchor="end", said=f"{known[at]:,.4g} tonight")
        words += _below(0, "start", str(first)) + (
            _below(1, "end", str(last)) if last > first else Markup("")
        )
    return _picture(kind, title, told, shapes, words)


def _picture(kind: str, title: str, told: str, shapes: Markup, words: Markup) -> Markup:
    above, below = (0, 0) if kind == "sparkline" else (ABOVE, BELOW)
    return _PICTURE.format(kind=kind, title=title, told=told, shapes=shapes, words=words, width=WIDTH, frame=HEIGHT,
                           above=above, height=above + HEIGHT + below)  # fmt: skip


def _below(share: float, anchor: str, said: str) -> Markup:
    """Words below the frame, at a share of its width."""
    return _TEXT.format(x=100 * share, y=ABOVE + HEIGHT + BELOW - 2, anchor=anchor, said=said)


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
    return f"{who}: most in {axes.short(label)} ({share:.1%}). "
