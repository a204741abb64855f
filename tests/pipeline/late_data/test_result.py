"""pipeline/late_data/result.py: a finding where more rows differ than is usual, in one sentence."""

from dataclasses import replace

import pytest

from tests.pipeline.late_data.test_messages import DONE


@pytest.mark.parametrize(("fraction", "told"), [(0.0, True), (0.08, True), (0.09, False), (1.0, False)])
def test_a_finding_is_of_more_rows_than_the_job_lets_pass(fraction: float, told: bool) -> None:
    assert (DONE.differing, DONE.share) == (9, 0.09)
    assert (DONE.finding(fraction) is not None) == told
    assert replace(DONE, rows_new=0, rows_gone=0, rows_changed=0).finding(fraction) is None


def test_rows_of_a_run_that_had_none_count_as_many() -> None:
    assert replace(DONE, rows_then=0, rows_gone=0, rows_changed=0, rows_new=3).share == 3


@pytest.mark.parametrize("columns", [0, 3, 30])
def test_a_finding_names_ten_columns_at_most(columns: int) -> None:
    text = str(replace(DONE, columns={f"column_{number:02d}": 30 - number for number in range(columns)}))
    assert text.count("column_") == min(columns, 10)
    assert ("and others" in text) == (columns > 10)
