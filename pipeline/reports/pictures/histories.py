"""Numbers day by day: a line with gaps, its axes in words, and each value for whoever points at its day."""

from collections.abc import Mapping
from datetime import date, timedelta

from markupsafe import Markup

from pipeline.reports.pictures import axes
from pipeline.reports.pictures.shapes import HIT, LINE, MARK, TEXT, WIDTH, Frame, points

_LARGE, _SMALL = Frame(left=15), Frame(height=48, above=6, left=24)
# With room for what the dashed lines are.
_LIMITED = Frame(above=29, left=15)
# Above so many days dots are too close to be told apart.
_MANY = 60


def history(
    title: str,
    values: Mapping[date, float | None],
    at: date,
    *,
    small: bool = False,
    limits: Mapping[str, float] | None = None,
) -> Markup:
    """A value day by day, with a gap where there is none, and the day `at` marked.

    Args:
        title: what is shown.
        values: day -> value, in order.
        at: the day that the page is about.
        small: as one of several that are seen at a glance.
        limits: values that are no day's, such as a limit: what each is, and a line at its height.
    """
    kind, frame = ("sparkline", _SMALL) if small else ("history", _LIMITED if limits else _LARGE)
    present = {day: value for day, value in values.items() if value is not None}
    if not present:
        return frame.picture(kind, title, "No day has a value.", Markup(""), Markup(""))
    first, last = min(values), max(values)
    levels = [*present.values(), *(limits or {}).values()]
    low, high = min(levels), max(levels)
    days = max((last - first).days, 1)

    def height(value: float) -> float:
        # Halves, since the range itself may be too large for a float.
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
        return frame.height - 6 - (frame.height - 12) * share

    def place(day: date) -> tuple[float, float]:
        return 4 + (WIDTH - 8) * (day - first).days / days, height(present[day])

    shapes = Markup("").join(_level("axis", y) for y in {height(low), height(high)})
    words = _scale(frame, {height(low): low, height(high): high}, (first, last))
    if limits:
        shapes += Markup("").join(_level("limit", height(limit)) for limit in limits.values())
        words += _named(frame, limits)
    shapes += Markup("").join(
        LINE.format(kind="line", points=points([place(day) for day in group])) for group in _unbroken(values)
    )
    if not small and at in present:
        words += TEXT.format(x=100, y=frame.above - 5, anchor="end", word=f"{present[at]:,.4g} in this run")
    for day in present:
        mark = _dot(frame, place(day), len(present), marked=day == at)
        words += _hit(frame, place(day)[0] / WIDTH, 1 / (days + 1), mark, f"{day}: {present[day]:,.6g}")
    return frame.picture(kind, title, _in_words(present, (first, last), at), shapes, words)


def _level(kind: str, y: float) -> Markup:
    return LINE.format(kind=kind, points=points([(0, y), (WIDTH, y)]))


def _named(frame: Frame, limits: Mapping[str, float]) -> Markup:
    """What the dashed lines are, above the picture."""
    named = ", ".join(f"{name} {limit:,.4g}" for name, limit in limits.items())
    return TEXT.format(x=frame.left, y=10, anchor="start", word=f"- - {named}")


def _dot(frame: Frame, place: tuple[float, float], dots: int, *, marked: bool) -> Markup:
    kind, radius = ("dot marked", 4.0) if marked else ("dot", 2 if dots <= _MANY else 1.2)
    return MARK.format(kind=kind, x=frame.x(place[0] / WIDTH), y=frame.above + place[1], r=radius)


def _scale(frame: Frame, heights: Mapping[float, float], ends: tuple[date, date]) -> Markup:
    """The least and the most at the left, the first and the last day below."""
    words = Markup("")
    for y, figure in zip(heights, axes.figures(list(heights.values())), strict=True):
        words += TEXT.format(x=frame.left - 2, y=frame.above + y + 4, anchor="end", word=figure)
    first, last = ends
    brief = "%-d %b" if first.year == last.year else "%b %Y"
    words += frame.under(0, "start", f"{first:{brief}}")
    return words + (frame.under(1, "end", f"{last:%-d %b %Y}") if last > first else Markup(""))


def _hit(frame: Frame, share: float, width: float, mark: Markup, text: str) -> Markup:
    left, right = max(share - width / 2, 0), min(share + width / 2, 1)
    return HIT.format(
        x=frame.x(left),
        y=frame.above,
        width=frame.x(right) - frame.x(left),
        height=frame.height,
        mark=mark,
        text=text,
    )


def _in_words(present: Mapping[date, float], ends: tuple[date, date], at: date) -> str:
    low, high = min(present.values()), max(present.values())
    text = f"{len(present)} days from {ends[0]} to {ends[1]}: least {low:,.6g}, most {high:,.6g}"
    return text + (f", {present[at]:,.6g} on {at}." if at in present else ".")


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
