"""A job's last score dates as a calendar: a cell a day, by colour and by sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

_CALENDAR = Markup(
    '<svg class="calendar" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group">'
    "<title>{title}</title><desc>{told}</desc>{inside}</svg>"
)
_CELL = Markup(
    '<g class="night {level}"><title>{told}</title><rect x="{x}" y="{y}" width="13" height="13" rx="2"/>'
    '<text x="{middle}" y="{base}" text-anchor="middle">{sign}</text></g>'
)
_LINK = Markup('<a href="{href}" aria-label="{told}">{inside}</a>')
# Not by colour alone: a printout and one reader in twelve have none.
_SIGNS = {"good": "", "warn": "!", "bad": "✕", "none": ""}
WORDS = {
    "good": "as usual",
    "warn": "to look at",
    "bad": "failed or rejected",
    "none": "nothing published",
}


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


def calendar(title: str, nights: Mapping[date, Cell]) -> Markup:
    """Nights as cells, a column a week, Monday on top."""
    if not nights:
        return _CALENDAR.format(title=title, told="No night yet.", inside=Markup(""), width=15, height=7 * 15)
    monday = min(nights) - timedelta(days=min(nights).weekday())
    inside = Markup("")
    for day, cell in nights.items():
        x, y = 15 * ((day - monday).days // 7), 15 * day.weekday()
        drawn = _CELL.format(
            level=cell.level, told=cell.told, x=x, y=y, middle=x + 6.5, base=y + 10.5, sign=_SIGNS[cell.level]
        )
        inside += _LINK.format(href=cell.href, told=cell.told, inside=drawn) if cell.href else drawn
    counts = ((word, sum(cell.level == level for cell in nights.values())) for level, word in WORDS.items())
    told = ", ".join(f"{count} {word}" for word, count in counts if count)
    weeks = (max(nights) - monday).days // 7 + 1
    return _CALENDAR.format(title=title, told=f"{told}.", inside=inside, width=15 * weeks, height=7 * 15)


def _legend(level: str) -> Markup:
    cell = _CELL.format(level=level, told="", x=0, y=0, middle=6.5, base=10.5, sign=_SIGNS[level])
    return Markup('<svg class="cell" width="13" height="13" aria-hidden="true">{}</svg>').format(cell)


# What each cell of a calendar means: its picture and its words.
LEGEND = [(_legend(level), said) for level, said in WORDS.items()]
