"""A job's last score dates as a calendar: a cell a day, by colour and by sign."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

# Of a day; with the room around it, which is also what is left for the names of the weekdays and above for months.
_SIDE, _STEP, _LEFT, _ABOVE = 13, 15, 30, 16
_CALENDAR = Markup(
    '<svg class="calendar" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group">'
    "<title>{title}</title><desc>{text}</desc>{inside}</svg>"
)
_CELL = Markup(
    '<g class="day {level}"><title>{text}</title><rect x="{x}" y="{y}" width="13" height="13" rx="2"/>{sign}</g>'
)
_SIGN = Markup('<text x="{x}" y="{y}" text-anchor="middle">{sign}</text>')
_WORD = Markup('<text x="{x}" y="{y}">{word}</text>')
_LINK = Markup('<a href="{href}" aria-label="{text}">{inside}</a>')
# Not by colour alone: a printout and one reader in twelve have none.
_SIGNS = {"good": "", "warn": "!", "bad": "✕", "none": ""}
WORDS = {
    "good": "as usual",
    "warn": "to check",
    "bad": "failed, rejected or missing",
    "none": "nothing published",
}


@dataclass(frozen=True)
class Cell:
    """A day in a calendar.

    Attributes:
        level: good, warn, bad or none.
        text: for a reader or a pointer.
        href: where it leads, if anywhere.
    """

    level: str
    text: str
    href: str | None = None


def calendar(title: str, cells: Mapping[date, Cell]) -> Markup:
    """Days as cells, a column a week, Monday on top."""
    height = _ABOVE + 7 * _STEP
    if not cells:
        return _CALENDAR.format(
            title=title, text="No day yet.", inside=Markup(""), width=_STEP, height=height
        )
    monday = min(cells) - timedelta(days=min(cells).weekday())
    weeks = (max(cells) - monday).days // 7 + 1
    inside = Markup("").join(_scale(monday, weeks))
    for day, cell in sorted(cells.items()):
        x, y = _LEFT + _STEP * ((day - monday).days // 7), _ABOVE + _STEP * day.weekday()
        drawn = _drawn(cell.level, cell.text, x, y)
        inside += _LINK.format(href=cell.href, text=cell.text, inside=drawn) if cell.href else drawn
    counts = ((word, sum(cell.level == level for cell in cells.values())) for level, word in WORDS.items())
    text = ", ".join(f"{count} {word}" for word, count in counts if count)
    return _CALENDAR.format(
        title=title, text=f"{text}.", inside=inside, width=_LEFT + _STEP * weeks, height=height
    )


def _scale(monday: date, weeks: int) -> Iterator[Markup]:
    """Names of weekdays at the left, and of months above, each over its first whole week."""
    for place, word in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
        yield _WORD.format(x=0, y=_ABOVE + _STEP * place + 11, word=word)
    before, free = None, 0
    for number in range(weeks):
        week = monday + timedelta(days=7 * number)
        # Three letters take two columns.
        if week.month != before and number >= free and (week.day <= 7 or number == 0):
            yield _WORD.format(x=_LEFT + _STEP * number, y=_ABOVE - 5, word=f"{week:%b}")
            free = number + 2
        before = week.month


def _drawn(level: str, text: str, x: float, y: float) -> Markup:
    sign = _SIGN.format(x=x + _SIDE / 2, y=y + 10.5, sign=_SIGNS[level]) if _SIGNS[level] else Markup("")
    return _CELL.format(level=level, text=text, x=x, y=y, sign=sign)


def _legend(level: str) -> Markup:
    cell = _drawn(level, "", 0, 0)
    return Markup('<svg class="cell" width="13" height="13" aria-hidden="true">{}</svg>').format(cell)


# What each cell of a calendar means: its picture and its words.
LEGEND = [(_legend(level), word) for level, word in WORDS.items()]
