"""pipeline/reports/pictures/calendars.py: a cell a day, and no meaning in colour alone."""

from datetime import date, timedelta
from itertools import pairwise

from pipeline.reports.pictures import calendars
from pipeline.reports.pictures.calendars import Cell
from tests.pipeline.reports.pictures.test_charts import DAYS, read


def test_a_calendar_has_monday_on_top_and_no_meaning_in_colour_alone() -> None:
    cells = {
        DAYS[0]: Cell("good", "fine"),
        DAYS[3]: Cell("bad", "failed", "run/1"),
        DAYS[9]: Cell("warn", "odd"),
    }
    drawn = read(calendars.calendar("nights", cells))
    placed = {group.findtext("title"): group.find("rect") for group in drawn.iter("g")}
    assert {name: (r.get("x"), r.get("y")) for name, r in placed.items() if r is not None} == {
        "fine": ("30", "76"),  # the first of March 2024 is a Friday
        "failed": ("45", "16"),
        "odd": ("45", "106"),
    }
    assert {group.findtext("text") for group in drawn.iter("g")} == {None, "✕", "!"}
    assert [(link.get("href"), link.get("aria-label")) for link in drawn.iter("a")] == [("run/1", "failed")]
    assert drawn.findtext("desc") == "1 as usual, 1 to check, 1 failed, rejected or missing."


def test_weekdays_and_months_are_named_and_no_month_stands_on_another() -> None:
    cells = {date(2024, 1, 30) + timedelta(days=number): Cell("good", "fine") for number in range(182)}
    drawn = read(calendars.calendar("nights", cells))
    words = {word.text: float(word.get("x", "")) for word in drawn.findall("text")}
    assert list(words)[:3] == ["Mon", "Wed", "Fri"]
    months = {name: x for name, x in words.items() if x}
    assert list(months) == ["Jan", "Mar", "Apr", "May", "Jun", "Jul"]  # February would stand on January
    assert all(after - before >= 30 for before, after in pairwise(months.values()))
