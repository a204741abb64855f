"""How the pages are written: templates beside this file, in which everything that comes from data is escaped."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

# Rows of a table; a page is for looking, the tables of the database are for all of it.
MOST, MOST_PARTS = 30, 100
# Pictures of features.
MOST_PICTURES = 60


def page(template: str, **values: Any) -> str:
    """Write a page.

    Args:
        template: file beside this one.
        **values: what the template speaks of.
    """
    return _ENVIRONMENT.get_template(template).render(**_MOST, **values)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _local(at: datetime, zone: str) -> str:
    """An instant by the clocks of a job, to the minute."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MOST = {"MOST": MOST, "MOST_PARTS": MOST_PARTS, "MOST_PICTURES": MOST_PICTURES}
_ENVIRONMENT.filters |= {
    "instant": _instant,
    "local": _local,
    "breakable": _breakable,
    "count": "{:,.0f}".format,
    "number": "{:,.4g}".format,
    "percent": "{:.2%}".format,
}
