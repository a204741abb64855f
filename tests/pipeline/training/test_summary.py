"""Rows and columns that are left out are warned of."""

import pytest

from pipeline import training_frame
from tests.home import Home
from tests.pipeline.training.rates import FIRST, LAST, write_query


def test_what_no_run_would_take_is_left_out_with_a_warning(home: Home, rated: str) -> None:
    more = ", CASE WHEN visits = 5 THEN 'infinity'::float8 ELSE visits END AS ratio, CURRENT_DATE AS today"
    write_query(home, "rates.sql", rated, more)
    with pytest.warns(UserWarning, match="left out") as warned:
        frame = training_frame("rates.sql", FIRST, LAST)
    assert (len(frame), "today" in frame) == (295, False)
    sentence = " ".join(str(each.message) for each in warned)
    assert "5 of 300 rows are left out, as every run would reject them: ratio: finite (5)" in sentence
    assert "column 'today' is date32[day], which no model takes, and is left out" in sentence
