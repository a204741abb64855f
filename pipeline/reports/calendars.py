"""A job's last score dates as a calendar: a cell a day, by colour and by sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

_CALENDAR = Markup(
    '<svg class="calendar" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group">'
    "<title>{title}</title><desc>{text}</desc>{inside}</svg>"
)
_CELL = Markup(
    '<g class="day {level}"><title>{text}</title><rect x="{x}" y="{y}" width="13" height="13" rx="2"/>'
    '<text x="{middle}" y="{base}" text-anchor="middle">{sign}</text></g>'
)
_LINK = Markup('<a href="{href}" aria-label="{text}">{inside}</a>')
# Not by colour alone: a printout and one reader in twelve have none.
_SIGNS = {"good": "", "warn": "!", "bad": "✕", "none": ""}
WORDS = {
    "good": "as usual",
    "warn": "to check",
    "bad": "failed or rejected",
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
    if not cells:
        return _CALENDAR.format(title=title, text="No day yet.", inside=Markup(""), width=15, height=7 * 15)
    monday = min(cells) - timedelta(days=min(cells).weekday())
    inside = Markup("")
    for day, cell in cells.items():
        x, y = 15 * ((day - monday).days // 7), 15 * day.weekday()
        drawn = _CELL.format(
            level=cell.level, text=cell.text, x=x, y=y, middle=x + 6.5, base=y + 10.5, sign=_SIGNS[cell.level]
        )
        inside += _LINK.format(href=cell.href, text=cell.text, inside=drawn) if cell.href else drawn
    counts = ((word, sum(cell.level == level for cell in cells.values())) for level, word in WORDS.items())
    text = ", ".join(f"{count} {word}" for word, count in counts if count)
    weeks = (max(cells) - monday).days // 7 + 1
    return _CALENDAR.format(title=title, text=f"{text}.", inside=inside, width=15 * weeks, height=7 * 15)


def _legend(level: str) -> Markup:
    cell = _CELL.format(level=level, text="", x=0, y=0, middle=6.5, base=10.5, sign=_SIGNS[level])
    return Markup('<svg class="cell" width="13" height="13" aria-hidden="true">{}</svg>').format(cell)


# What each cell of a calendar means: its picture and its words.
LEGEND = [(_legend(level), word) for level, word in WORDS.items()]
