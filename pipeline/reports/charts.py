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
    '<svg class="{kind}" role="img" width="100%" height="{height}"><title>{title}</title><desc>{text}</desc>'
    '<svg y="{above}" width="100%" height="{frame}" viewBox="0 0 {width} {frame}" preserveAspectRatio="none">'
    "{shapes}</svg>{words}</svg>"
)
_BAR = Markup('<rect class="run" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
_LINE = Markup('<polyline class="{kind}" points="{points}"/>')
_AREA = Markup('<polygon class="band" points="{points}"/>')
_DOT = Markup('<circle class="{kind}" cx="{x:.1f}%" cy="{y:.1f}" r="{r}"><title>{text}</title></circle>')
_TEXT = Markup('<text x="{x:.1f}%" y="{y}" text-anchor="{anchor}">{word}</text>')


Points = Sequence[tuple[float, float]]


def histogram(
    title: str,
    labels: Sequence[str],
    run: Sequence[float],
    reference: Sequence[float] | None = None,
    band: Sequence[tuple[float, float]] | None = None,
    *,
    room: int = NARROW,
) -> Markup:
    """Shares by bin: bars for the run, a line for the reference, an area from the least to the most of normal days.

    Args:
        title: what is shown.
        labels: the bins' names.
        run: share of its rows in each bin, from 0 to 1.
        reference: the same for the reference.
        band: the least and the largest share of normal days, bin by bin.
        room: pixels that the picture has at least; it has more words below with more.
    """
    tops = [*run, *(reference or ()), *(high for _, high in band or ())]
    top = max(tops, default=0) or 1.0
    step = WIDTH / max(len(labels), 1)

    def height(share: float) -> float:
        return HEIGHT - HEIGHT * share / top

    shapes = Markup("").join(
        _BAR.format(
            x=number * step + step * 0.1, y=height(share), width=step * 0.8, height=HEIGHT - height(share)
        )
        for number, share in enumerate(run)
    )
    if band:
        low, high = ([height(pair[side]) for pair in band] for side in (0, 1))
        shapes = _AREA.format(points=_points([*_steps(high, step), *reversed(_steps(low, step))])) + shapes
    if reference:
        steps = _steps([height(share) for share in reference], step)
        shapes += _LINE.format(kind="reference", points=_points(steps))
    text = _most("This run", labels, run) + (_most("Reference", labels, reference) if reference else "")
    words = _TEXT.format(x=0, y=ABOVE - 5, anchor="start", word=f"{top:.0%} of the rows")
    letters = room / _LETTER
    for tick in axes.thinned(axes.ticks(labels), letters):
        words += _below(*axes.anchored(tick, letters), tick[1])
    return _picture("histogram", title, text, shapes, words)


def history(title: str, values: Mapping[date, float | None], at: date, *, small: bool = False) -> Markup:
    """A value day by day, with a gap where there is none, and the day `at` marked.

    Args:
        title: what is shown.
        values: day -> value, in order.
        at: the day that the page is about.
        small: without words.
    """
    kind, above = ("sparkline", 0) if small else ("history", ABOVE)
    present = {day: value for day, value in values.items() if value is not None}
    if not present:
        return _picture(kind, title, "No day has a value.", Markup(""), Markup(""))
    first, last = min(values), max(values)
    low, high = min(present.values()), max(present.values())
    days = max((last - first).days, 1)

    def place(day: date) -> tuple[float, float]:
        # Halves, since the range itself may be too large for a float.
        share = (present[day] / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
        return 4 + (WIDTH - 8) * (day - first).days / days, HEIGHT - 6 - (HEIGHT - 12) * share

    shapes = Markup("").join(
        _LINE.format(kind="line", points=_points([place(day) for day in group]))
        for group in _unbroken(values)
    )
    words = Markup("")
    for day, value in present.items():
        x, y = place(day)
        dot = "dot marked" if day == at else "dot"
        text = f"{day}: {value:,.6g}"
        words += _DOT.format(kind=dot, x=x * 100 / WIDTH, y=above + y, r=4 if day == at else 2, text=text)
    text = f"{len(present)} days from {first} to {last}: least {low:,.6g}, most {high:,.6g}"
    text += f", {present[at]:,.6g} on {at}." if at in present else "."
    if not small:
        least, most = axes.figures([low, high])
        spread = f"{least} to {most}" if high > low else f"always {low:,.4g}"
        words += _TEXT.format(x=0, y=ABOVE - 5, anchor="start", word=spread)
        if at in present:
            words += _TEXT.format(x=100, y=ABOVE - 5, anchor="end", word=f"{present[at]:,.4g} in this run")
        words += _below(0, "start", str(first)) + (
            _below(1, "end", str(last)) if last > first else Markup("")
        )
    return _picture(kind, title, text, shapes, words)


def _picture(kind: str, title: str, text: str, shapes: Markup, words: Markup) -> Markup:
    above, below = (0, 0) if kind == "sparkline" else (ABOVE, BELOW)
    return _PICTURE.format(kind=kind, title=title, text=text, shapes=shapes, words=words, width=WIDTH, frame=HEIGHT,
                           above=above, height=above + HEIGHT + below)  # fmt: skip


def _below(share: float, anchor: str, word: str) -> Markup:
    """Words below the frame, at a share of its width."""
    return _TEXT.format(x=100 * share, y=ABOVE + HEIGHT + BELOW - 2, anchor=anchor, word=word)


def _steps(heights: Sequence[float], step: float) -> list[tuple[float, float]]:
    return [(x * step, height) for number, height in enumerate(heights) for x in (number, number + 1)]


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _unbroken(values: Mapping[date, float | None]) -> list[list[date]]:
    """Stretches of days that follow one another and all have a value."""
    stretches: list[list[date]] = []
    for day, value in values.items():
        if value is None:
            continue
        if stretches and values.get(day - timedelta(days=1)) is not None:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches


def _most(name: str, labels: Sequence[str], shares: Sequence[float]) -> str:
    if not shares:
        return ""
    share, label = max(zip(shares, labels, strict=True), key=lambda pair: pair[0])
    return f"{name}: most in {axes.short(label)} ({share:.1%}). "
