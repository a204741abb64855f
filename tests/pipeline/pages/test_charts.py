"""pipeline/pages/charts.py: pictures that are well-formed, say what they show, and take any data."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pipeline.pages import charts
from pipeline.pages.charts import Cell
from tests.hostile import HOSTILE

DAYS = [date(2024, 3, 1) + timedelta(days=number) for number in range(10)]
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def read(picture: Markup) -> ElementTree.Element:
    """A picture as its XML, which must be well-formed: no browser would tell."""
    return ElementTree.fromstring(picture)


def numbers(picture: Markup) -> list[float]:
    """Every coordinate in a picture."""
    found = re.findall(r'(?:points|c?x|c?y|width|height)="([^"]*)"', picture)
    return [float(number) for group in found for number in re.split("[ ,]", group) if number]


@given(SHARES, st.booleans())
def test_a_histogram_draws_what_it_is_given_inside_of_its_frame(shares: list[float], more: bool) -> None:
    labels = [str(number) for number in range(len(shares))]
    band = [(share / 2, share) for share in shares] if more else None
    drawn = charts.histogram("score", labels, shares, shares[::-1] if more else None, band)
    assert len(read(drawn).findall("rect")) == len(shares)
    assert len(read(drawn).findall("polyline")) == len(read(drawn).findall("polygon")) == int(more)
    assert all(-0.1 <= number <= charts.WIDTH + 0.1 for number in numbers(drawn))


def test_pictures_tell_a_screen_reader_what_they_show() -> None:
    drawn = read(charts.histogram("distance", ["0", "1"], [0.25, 0.75], [0.5, 0.5]))
    assert drawn.get("role") == "img"
    assert drawn.findtext("title") == "distance"
    assert drawn.findtext("desc") == "Tonight: most in 1 (75.0%). Reference: most in 0 (50.0%). "
    drawn = read(charts.history("rows", dict(zip(DAYS, range(1000, 1010), strict=True)), DAYS[-1]))
    assert drawn.findtext("desc") == (
        "10 nights from 2024-03-01 to 2024-03-10: least 1,000, most 1,009, 1,009 on 2024-03-10."
    )


def test_a_night_without_a_value_is_a_gap() -> None:
    values: dict[date, float | None] = dict.fromkeys(DAYS, 1.0) | {DAYS[4]: None}
    drawn = read(charts.history("rows", values, DAYS[0]))
    assert len(drawn.findall("polyline")) == 2
    assert len(drawn.findall("circle")) == 9
    assert [dot.findtext("title") for dot in drawn.findall("circle[@class='dot marked']")] == [
        "2024-03-01: 1"
    ]


@given(st.dictionaries(st.sampled_from(DAYS), st.none() | st.floats(-1e300, 1e300)))
def test_a_history_takes_any_values(values: dict[date, float | None]) -> None:
    ordered = dict(sorted(values.items()))
    drawn = charts.history("rows", ordered, DAYS[0])
    known = [value for value in values.values() if value is not None]
    assert len(read(drawn).findall("circle")) == len(known)
    assert all(-0.1 <= number <= charts.WIDTH + 50 for number in numbers(drawn))


def test_a_calendar_has_monday_on_top_and_no_meaning_in_colour_alone() -> None:
    cells = {
        DAYS[0]: Cell("good", "fine"),
        DAYS[3]: Cell("bad", "failed", "run/1"),
        DAYS[9]: Cell("warn", "odd"),
    }
    drawn = read(charts.calendar("nights", cells))
    placed = {group.findtext("title"): group.find("rect") for group in drawn.iter("g")}
    assert {name: (r.get("x"), r.get("y")) for name, r in placed.items() if r is not None} == {
        "fine": ("0", "60"),  # the first of March 2024 is a Friday
        "failed": ("15", "0"),
        "odd": ("15", "90"),
    }
    assert {group.findtext("text") for group in drawn.iter("g")} == {"", "✕", "!"}
    assert [link.get("href") for link in drawn.iter("a")] == ["run/1"]
    assert drawn.findtext("desc") == "1 as usual, 1 to look at, 1 without scores of their own."


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    text = text.replace("\x1b", "")  # no XML may hold it, and no browser minds
    for drawn in (
        charts.histogram(text, [text, text], [0.1, 0.2]),
        charts.history(text, dict.fromkeys(DAYS, 1.0), DAYS[0]),
        charts.calendar(text, {DAYS[0]: Cell("good", text, text)}),
    ):
        assert read(drawn).findtext("title") == text.replace("\r", "\n")
        known = {"svg", "title", "desc", "rect", "polyline", "circle", "text", "g", "a"}
        assert {element.tag for element in read(drawn).iter()} <= known
