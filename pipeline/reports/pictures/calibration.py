"""Whether scores are probabilities: for each bin of the score, how often the outcome came true."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from markupsafe import Markup

# The plot's side, and the room for words at the left and below.
_SIDE, _LEFT, _BELOW = 200, 34, 30
_PLOT = Markup(
    '<svg class="calibration" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    "<title>{title}</title><desc>{text}</desc>{inside}</svg>"
)
_AXES = Markup('<polyline class="axis" points="{left},4 {left},{base} {right},{base}"/>')
_DIAGONAL = Markup('<line class="reference" x1="{left}" y1="{base}" x2="{right}" y2="4"/>')
_BIN = Markup(
    '<g class="point"><title>{text}</title><line class="whisker" x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}"'
    ' y2="{high:.1f}"/><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/></g>'
)
_WORD = Markup('<text x="{x}" y="{y}" text-anchor="{anchor}">{word}</text>')
# Wilson's interval holds the true rate with this many standard errors: 95 %.
_Z = 1.96


@dataclass(frozen=True)
class Bin:
    """Entities with scores of one range.

    Attributes:
        name: the range.
        score: the mean of their scores.
        rate: the share of them whose outcome came true.
        rows: how many.
    """

    name: str
    score: float
    rate: float
    rows: float


def calibration(title: str, bins: Sequence[Bin]) -> Markup:
    """The bins' rates above their scores, with intervals, beside the line on which the two are the same."""
    bounds = [interval(one.rate, one.rows) for one in bins]
    top = max([0.1, *(one.score for one in bins), *(high for _, high in bounds)])
    top = min(1.0, -(-top * 10 // 1) / 10)
    base, right = 4 + _SIDE, _LEFT + _SIDE
    inside = _AXES.format(left=_LEFT, base=base, right=right) + _DIAGONAL.format(
        left=_LEFT, base=base, right=right
    )
    most = max((one.rows for one in bins), default=1)
    for one, (low, high) in zip(bins, bounds, strict=True):
        inside += _BIN.format(
            x=_LEFT + _SIDE * min(one.score / top, 1),
            y=base - _SIDE * min(one.rate / top, 1),
            low=base - _SIDE * min(low / top, 1),
            high=base - _SIDE * min(high / top, 1),
            r=2.5 + 3.5 * sqrt(one.rows / most),
            text=f"scores {one.name}: {one.score:.3g} on average, {one.rate:.3g} came true ({low:.3g} to {high:.3g}), "
            f"{one.rows:,.0f} entities",
        )
    for share, word in ((0.0, "0"), (0.5, f"{top / 2:g}"), (1.0, f"{top:g}")):
        inside += _WORD.format(x=_LEFT - 6, y=base - _SIDE * share + 4, anchor="end", word=word)
        anchor = "end" if share == 1 else "middle"
        inside += (
            _WORD.format(x=_LEFT + _SIDE * share, y=base + 14, anchor=anchor, word=word) if share else ""
        )
    inside += _WORD.format(x=_LEFT + _SIDE / 2, y=base + 27, anchor="middle", word="score")
    inside += _WORD.format(x=_LEFT + 6, y=14, anchor="start", word="came true")
    worst = max(bins, key=lambda one: abs(one.score - one.rate), default=None)
    text = f"{len(bins)} bins of the score." + (
        f" Farthest apart for scores {worst.name}: {worst.score:.3g} scored, {worst.rate:.3g} came true."
        if worst
        else ""
    )
    return _PLOT.format(title=title, text=text, inside=inside, width=right + 8, height=base + _BELOW)


def interval(rate: float, rows: float) -> tuple[float, float]:
    """Wilson's interval of a rate."""
    if rows <= 0:
        return 0.0, 1.0
    middle = (rate + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * sqrt(max(rate * (1 - rate), 0) / rows + _Z**2 / (4 * rows**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)
