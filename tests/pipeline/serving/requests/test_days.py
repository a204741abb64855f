"""pipeline/serving/requests/days.py: the dates that are taken are those of the document's pattern."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.requests import days
from pipeline.serving.requests.body import Number
from pipeline.serving.requests.limits import Refused


@given(
    st.dates()
    | st.dates(date(1969, 12, 1), date(1970, 2, 1))
    | st.dates(date(2199, 12, 1), date(2200, 1, 31))
)
def test_a_date_is_taken_exactly_where_the_pattern_says_so(day: date) -> None:
    try:
        taken = days.of(day.isoformat()) == day
    except Refused as refusal:
        assert (refusal.status, refusal.code) == (422, "no_date")
        taken = False
    assert taken == bool(re.search(days.SCHEMA["pattern"], day.isoformat()))


@pytest.mark.parametrize(
    "text", ["", "20130701", "2013-7-1", "2013-02-30", "2013-07-01 ", "2013-W27-1", Number("2013")]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="is no date from 1970-01-01 to 2199-12-31"):
        days.of(text)


def test_no_date_is_none_and_one_far_ahead_is_a_date() -> None:
    assert days.of(None) is None
    assert days.of("2190-01-01") == date(2190, 1, 1)
