"""pipeline/reports/pictures/histories.py: numbers day by day, with gaps and axes, and a value to point at."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reports.pictures import histories
from tests.pipeline.reports.pictures.test_charts import DAYS, inside, read


def test_a_history_tells_a_screen_reader_what_it_shows() -> None:
    drawn = read(histories.history("rows", dict(zip(DAYS, range(1000, 1010), strict=True)), DAYS[-1]))
    assert drawn.findtext("desc") == (
        "10 days from 2024-03-01 to 2024-03-10: least 1,000, most 1,009, 1,009 on 2024-03-10."
    )


@pytest.mark.parametrize("small", [True, False])
def test_its_axes_say_the_least_and_the_most_and_the_first_and_the_last_day(small: bool) -> None:
    drawn = read(histories.history("rows", dict(zip(DAYS, range(10), strict=True)), DAYS[-1], small=small))
    assert {word.text for word in drawn.findall("text")} - {"9 in this run"} == {
        "0",
        "9",
        "1 Mar",
        "10 Mar 2024",
    }
    assert len(drawn.findall(".//polyline[@class='axis']")) == 2


def test_whoever_points_at_a_day_sees_its_value() -> None:
    values = dict(zip(DAYS, range(10), strict=True))
    drawn = read(histories.history("rows", values, DAYS[-1], small=True))
    assert [one.findtext("title") for one in drawn.findall("g")] == [
        f"{day}: {n}" for day, n in values.items()
    ]


def test_a_night_without_a_value_is_a_gap() -> None:
    values: dict[date, float | None] = dict.fromkeys(DAYS, 1.0) | {DAYS[4]: None}
    drawn = read(histories.history("rows", values, DAYS[0]))
    assert len(drawn.findall(".//polyline[@class='line']")) == 2
    assert len(drawn.findall("g/circle")) == 9
    assert [
        group.findtext("title")
        for group in drawn.findall("g")
        if group.find("circle[@class='dot marked']") is not None
    ] == ["2024-03-01: 1"]


def test_a_limit_is_a_line_with_its_name_that_the_scale_takes_in() -> None:
    values = dict.fromkeys(DAYS, 0.5)
    drawn = histories.history("loss", values, DAYS[0], limits={"the limit": 0.9})
    assert len(read(drawn).findall(".//polyline[@class='limit']")) == 1
    assert {"- - the limit 0.9", "0.9", "0.5"} <= {word.text for word in read(drawn).findall("text")}
    assert inside(drawn)


@given(st.dictionaries(st.sampled_from(DAYS), st.none() | st.floats(-1e300, 1e300)), st.booleans())
def test_a_history_takes_any_values(values: dict[date, float | None], small: bool) -> None:
    ordered = dict(sorted(values.items()))
    drawn = histories.history("rows", ordered, DAYS[0], small=small)
    known = [value for value in values.values() if value is not None]
    assert len(read(drawn).findall("g/circle")) == len(known)
    assert inside(drawn)


def test_half_a_year_is_drawn_with_dots_that_leave_room_for_one_another() -> None:
    year = {DAYS[0] + timedelta(days=number): float(number % 7) for number in range(182)}
    drawn = read(histories.history("rows", year, DAYS[0]))
    assert {dot.get("r") for dot in drawn.findall("g/circle[@class='dot']")} == {"1.2"}
