"""pipeline/monitoring/sliced/rule.py: a fault in one value of a slice is found there, and few rows are no fault."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced import rule
from pipeline.monitoring.sliced.rule import LEAST_ROWS, SliceDistance
from tests.pipeline.monitoring.sliced.conftest import DAYS, columns_of
from tests.pipeline.monitoring.training import START, few_by_phone, look

RATES = (0.035, 0.005)


def night(number: int = 0) -> pd.DataFrame:
    return few_by_phone(np.random.default_rng([9, number]), DAYS + number)


def distances(reference: Reference, rows: pd.DataFrame, *unusual: str) -> tuple[SliceDistance, ...]:
    counts = reference.slices.grid.count(columns_of(rows))
    return rule.distances(reference, counts, RATES, unusual)


def spoilt(rows: pd.DataFrame) -> pd.DataFrame:
    """Whoever came by phone has visited 19 times."""
    return rows.assign(visits=rows["visits"].mask(rows["channel"] == "phone", 19))


def test_a_fault_in_one_value_is_found_there_and_in_no_column_as_a_whole(sliced: Reference) -> None:
    rows = spoilt(night())
    assert not look(sliced, rows, START)["visits"].unusual
    first, *others = distances(sliced, rows)
    assert (first.sliced, first.value, first.column) == ("channel", "phone", "visits")
    assert first.psi > first.limit > first.farthest
    assert not any(each.unusual for each in others)
    assert (
        len(others) == 2 * 3 + 3 * 4 - 1 + 2 * 1
    )  # each value of each slice in every other column and the score


def test_a_column_that_is_unusual_as_a_whole_is_left_out(sliced: Reference) -> None:
    assert "visits" not in {each.column for each in distances(sliced, spoilt(night()), "visits")}


def test_a_value_with_few_rows_is_not_looked_at(sliced: Reference) -> None:
    rows = spoilt(night())
    few = pd.concat([rows[rows["channel"] != "phone"], rows[rows["channel"] == "phone"].head(LEAST_ROWS - 1)])
    assert "phone" not in {each.value for each in distances(sliced, few)}


def test_nights_without_a_fault_are_seldom_called_unusual(sliced: Reference) -> None:
    flagged = [any(each.unusual for each in distances(sliced, night(number))) for number in range(40)]
    assert sum(flagged) <= 2  # at 0.5 % a third one comes once in 1,000 times


def test_what_befalls_all_rows_alike_is_no_fault_of_a_slice(sliced: Reference) -> None:
    rows = night()
    warmer = rows.assign(amount=rows["amount"] + 15)
    assert not any(each.unusual for each in distances(sliced, warmer))


@pytest.mark.parametrize("days", [rule.ENOUGH - 1, rule.ENOUGH])
def test_few_training_days_say_too_little(sliced: Reference, days: int) -> None:
    assert rule.enough(replace(sliced, training_days=sliced.training_days[:days])) == (days == rule.ENOUGH)


def test_a_rate_that_is_lower_has_a_limit_that_is_higher(sliced: Reference) -> None:
    counts = sliced.slices.grid.count(columns_of(night()))
    limits = [rule.distances(sliced, counts, (0.035, rate))[0].limit for rate in (0.05, 0.01, 0.001)]
    assert limits == sorted(limits)
