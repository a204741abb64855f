"""pipeline/reports/pictures/charts.py: pictures that are well-formed, say what they show, and take any data."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pipeline.reports.pictures import calendars, charts, histories
from pipeline.reports.pictures.calendars import Cell
from pipeline.reports.pictures.shapes import WIDTH
from tests.hostile import HOSTILE

DAYS = [date(2024, 3, 1) + timedelta(days=number) for number in range(10)]
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def read(picture: Markup) -> ElementTree.Element:
    """A picture as its XML, which must be well-formed: no browser would tell."""
    return ElementTree.fromstring(picture)


def bars_of(path: ElementTree.Element) -> list[tuple[float, ...]]:
    """Each bar of a histogram: its left side, its foot, its top and its width."""
    number = r"(-?[\d.]+)"
    bars = re.findall(rf"M{number} {number}V{number}h{number}V\2z", path.get("d", ""))
    return [tuple(map(float, bar)) for bar in bars]


def places(picture: Markup) -> list[tuple[float, float]]:
    """Where everything of a picture is, as shares of its width and in pixels of its height."""
    whole = read(picture)
    inner = whole.find("svg")
    assert inner is not None
    left, above = float(inner.get("x", "").rstrip("%")) / 100, float(inner.get("y", ""))
    corners = [
        (float(x), float(y))
        for element in inner.iter()
        for x, y in (pair.split(",") for pair in element.get("points", "").split())
    ]
    for bars in inner.iter("path"):
        for x, base, top, width in bars_of(bars):
            corners += [(side, end) for side in (x, x + width) for end in (base, top)]
    stretched = [(left + (1 - left) * x / WIDTH, above + y) for x, y in corners]
    words = [*whole.iter("circle"), *whole.iter("text")]
    fixed = [(one.get("cx") or one.get("x", ""), one.get("cy") or one.get("y", "")) for one in words]
    stretched += [(float(str(x).removesuffix("%")) / 100, float(str(y))) for x, y in fixed]
    for hit in whole.findall("g/rect"):
        start, width = (float(hit.get(name, "").removesuffix("%")) / 100 for name in ("x", "width"))
        stretched += [(start, float(hit.get("y", ""))), (start + width, float(hit.get("y", "")))]
    return stretched


def inside(picture: Markup) -> bool:
    """Whether nothing of a picture leaves its frame."""
    height = float(read(picture).get("height", ""))
    return all(-0.01 <= x <= 1.01 and -0.1 <= y <= height + 0.1 for x, y in places(picture))


@given(SHARES, st.booleans())
def test_a_histogram_draws_what_it_is_given_inside_of_its_frame(shares: list[float], more: bool) -> None:
    labels = [str(number) for number in range(len(shares))]
    band = [(share / 2, share) for share in shares] if more else None
    drawn = charts.histogram("score", labels, shares, shares[::-1] if more else None, band)
    [bars] = read(drawn).iter("path")
    assert len(bars_of(bars)) == len(shares) == len(read(drawn).findall(".//rect"))
    assert len(read(drawn).findall(".//polyline")) == len(read(drawn).findall(".//polygon")) == int(more)
    assert inside(drawn)


def test_a_histogram_says_how_high_it_is_and_where_its_bins_end() -> None:
    labels = ["< 10", "[10, 20)", "[20, 5000)", ">= 5000", "null"]
    drawn = read(charts.histogram("distance", labels, [0, 0.25, 0.75, 0, 0], room=charts.BROAD))
    words = [(word.text, word.get("x")) for word in drawn.iter("text")]
    assert words == [
        ("75% of the rows", "0.0%"),
        ("10", "20.0%"),
        ("20", "40.0%"),
        ("5000", "60.0%"),
        ("null", "90.0%"),
    ]


def test_pictures_tell_a_screen_reader_what_they_show() -> None:
    drawn = read(charts.histogram("distance", ["0", "1"], [0.25, 0.75], [0.5, 0.5]))
    assert drawn.get("role") == "img"
    assert drawn.findtext("title") == "distance"
    assert drawn.findtext("desc") == "This run: most in 1 (75.0%). Reference: most in 0 (50.0%). "


def test_whoever_points_at_a_bin_sees_its_shares() -> None:
    labels, shares = ["0", "1"], [0.25, 0.75]
    alone = read(charts.histogram("distance", labels, shares))
    assert [hit.findtext("title") for hit in alone.iterfind(".//rect[title]")] == [
        "0: 25.0%",
        "1: 75.0%",
    ]
    beside = read(charts.histogram("distance", labels, shares, [0.5, 0.5], [(0.4, 0.6), (0.4, 0.6)]))
    assert beside.findtext(".//rect[title]/title") == "0: 25.0%, training 50.0% (40.0% to 60.0%)"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    text = text.replace("\x1b", "")  # no XML may hold it, and no browser minds
    for drawn in (
        charts.histogram(text, [text, text], [0.1, 0.2]),
        histories.history(text, dict.fromkeys(DAYS, 1.0), DAYS[0]),
        calendars.calendar(text, {DAYS[0]: Cell("good", text, text)}),
    ):
        assert read(drawn).findtext("title") == text.replace("\r", "\n")
        known = {"svg", "title", "desc", "rect", "polyline", "circle", "text", "g", "a", "path"}
        assert {element.tag for element in read(drawn).iter()} <= known
