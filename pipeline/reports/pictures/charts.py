"""Histograms: bars for a run, a line for the training data, an area for what is normal."""

from collections.abc import Sequence

from markupsafe import Markup

from pipeline.reports.pictures import axes
from pipeline.reports.pictures.shapes import (
    AREA,
    BROAD,
    LETTER,
    LINE,
    NARROW,
    TEXT,
    WIDTH,
    Frame,
    points,
)

__all__ = ["BROAD", "NARROW", "histogram"]

_FRAME = Frame()
# One shape for all, since a page has sixty times two dozen.
_BARS = Markup('<path class="run" d="{bars}"/>')
# What a pointer has to be on to see a bin's shares. The page's style makes it as high as the frame.
_HIT = Markup('<rect x="{x:.4g}" width="{width:.4g}"><title>{text}</title></rect>')


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
        return _FRAME.height - _FRAME.height * share / top

    bars = "".join(
        f"M{number * step + step * 0.1:.1f} {_FRAME.height}V{height(share):.1f}h{step * 0.8:.1f}V{_FRAME.height}z"
        for number, share in enumerate(run)
    )
    shapes = _BARS.format(bars=bars)
    if band:
        low, high = ([height(pair[side]) for pair in band] for side in (0, 1))
        corners = [*_steps(high, step), *reversed(_steps(low, step))]
        shapes = AREA.format(kind="band", points=points(corners)) + shapes
    if reference:
        steps = _steps([height(share) for share in reference], step)
        shapes += LINE.format(kind="reference", points=points(steps))
    shapes += _hits(labels, run, reference, band)
    text = _most("This run", labels, run) + (_most("Reference", labels, reference) if reference else "")
    words = TEXT.format(x=0, y=_FRAME.above - 5, anchor="start", word=f"{top:.0%} of the rows")
    letters = room / LETTER
    for tick in axes.thinned(axes.ticks(labels), letters):
        words += _FRAME.under(*axes.anchored(tick, letters), tick[1])
    return _FRAME.picture("histogram", title, text, shapes, words)


def _hits(
    labels: Sequence[str],
    run: Sequence[float],
    reference: Sequence[float] | None,
    band: Sequence[tuple[float, float]] | None,
) -> Markup:
    """What a pointer sees of each bin."""
    drawn, step = Markup(""), WIDTH / max(len(labels), 1)
    for number, (label, share) in enumerate(zip(labels, run, strict=True)):
        text = f"{label}: {share:.1%}"
        text += f", training {reference[number]:.1%}" if reference else ""
        text += f" ({band[number][0]:.1%} to {band[number][1]:.1%})" if band else ""
        drawn += _HIT.format(x=number * step, width=step, text=text)
    return drawn


def _steps(heights: Sequence[float], step: float) -> list[tuple[float, float]]:
    return [(x * step, height) for number, height in enumerate(heights) for x in (number, number + 1)]


def _most(name: str, labels: Sequence[str], shares: Sequence[float]) -> str:
    if not shares:
        return ""
    share, label = max(zip(shares, labels, strict=True), key=lambda pair: pair[0])
    return f"{name}: most in {axes.short(label)} ({share:.1%}). "
