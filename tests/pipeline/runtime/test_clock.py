"""pipeline/runtime/clock.py: what a task took."""

import pytest

from pipeline.payloads import Cost
from pipeline.runtime import clock as clocks
from pipeline.runtime.clock import Clock, by_the_clock


def cost(began: float, seconds: float) -> Cost:
    return Cost(seconds=seconds, peak_mb=1.0, began=began)


@pytest.mark.parametrize(
    ("costs", "seconds"),
    [
        ([], 0.0),
        ([cost(0, 2), cost(5, 1)], 3.0),
        ([cost(0, 2), cost(1, 2)], 3.0),  # side by side for a second
        ([cost(1, 1), cost(0, 4)], 4.0),  # one within the other
    ],
)
def test_tasks_side_by_side_count_once(costs: list[Cost], seconds: float) -> None:
    assert by_the_clock(costs) == seconds


def test_a_cost_is_of_this_process() -> None:
    clock = Clock()
    taken = clock.cost()
    assert 0 <= taken.seconds < 60
    assert taken.peak_mb > 1
    assert clock.cost().peak_mb >= taken.peak_mb


def test_a_cost_that_no_process_can_have_is_not_counted() -> None:
    before, peak = clocks.processor_seconds(), Clock().cost().peak_mb
    clocks.add_other(1, float("inf"), 10**30)
    clocks.add_other(1, 1e300, True)
    clocks.forget_other(1)
    assert clocks.processor_seconds() < before + 60
    assert Clock().cost().peak_mb < peak + 1000
