"""pipeline/reports/calendars.py: a cell a day, and no meaning in colour alone."""

from pipeline.reports import calendars
from pipeline.reports.calendars import Cell
from tests.pipeline.reports.test_charts import DAYS, read


def test_a_calendar_has_monday_on_top_and_no_meaning_in_colour_alone() -> None:
    cells = {
        DAYS[0]: Cell("good", "fine"),
        DAYS[3]: Cell("bad", "failed", "run/1"),
        DAYS[9]: Cell("warn", "odd"),
    }
    drawn = read(calendars.calendar("nights", cells))
    placed = {group.findtext("title"): group.find("rect") for group in drawn.iter("g")}
    assert {name: (r.get("x"), r.get("y")) for name, r in placed.items() if r is not None} == {
        "fine": ("0", "60"),  # the first of March 2024 is a Friday
        "failed": ("15", "0"),
        "odd": ("15", "90"),
    }
    assert {group.findtext("text") for group in drawn.iter("g")} == {"", "✕", "!"}
    assert [(link.get("href"), link.get("aria-label")) for link in drawn.iter("a")] == [("run/1", "failed")]
    assert drawn.findtext("desc") == "1 as usual, 1 to check, 1 failed or rejected."
