"""pipeline/monitoring/calibration.py: the stated share of days is beyond the limit; every distance is a number."""

import math
from datetime import timedelta

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.drift import distances
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import NIGHTS, START, look, night


def test_false_alarms_of_new_nights_stay_near_the_rate(reference: Reference) -> None:
    random = np.random.default_rng(8)
    flagged = 0
    for number in range(NIGHTS, NIGHTS + 100):
        rows = night(random, number)
        distances_now = look(reference, rows, START + timedelta(days=number))
        flagged += any(one.unusual for one in distances_now.values())
    assert flagged <= 100 * 0.05 * 2


def test_a_smaller_rate_calls_less_unusual(reference: Reference) -> None:
    rows, day = night(np.random.default_rng(9), 200), START + timedelta(days=200)
    strict, loose = look(reference, rows, day, 0.01), look(reference, rows, day, 0.3)
    for what, one in loose.items():
        assert abs(strict[what].unusualness) <= abs(one.unusualness)


COLUMNS = {
    "present": Bins("present", "presence"),
    "number": Bins("number", "edges", edges=(0.0, 1.0)),
    SCORE: Bins(SCORE, "edges", edges=(0.5,)),
}
CONSTANT = {name: [1000] + [0] * (len(bins.labels) - 1) for name, bins in COLUMNS.items()}
counts = st.fixed_dictionaries(
    {
        name: st.lists(st.sampled_from([0, 1, 3, 10**9]), min_size=len(zeros), max_size=len(zeros))
        for name, zeros in CONSTANT.items()
    }
)


@given(
    always=counts,
    tonight=counts,
    nights=st.sampled_from([0, 40]),
    columns=st.sampled_from([("present",), (*COLUMNS,)]),
)
@example(always=CONSTANT, tonight=CONSTANT, nights=0, columns=("present",))
@example(always=CONSTANT, tonight=CONSTANT, nights=40, columns=("present",))
@settings(max_examples=50, deadline=None)
def test_whatever_was_trained_on_every_distance_is_a_number(
    always: dict[str, list[int]], tonight: dict[str, list[int]], nights: int, columns: tuple[str, ...]
) -> None:
    days = tuple(START + timedelta(days=number) for number in range(nights))
    bins = {name: COLUMNS[name] for name in columns}
    trained = Reference(bins, days, {name: np.array([always[name]] * max(nights, 1)) for name in columns})
    now = Profile(bins, {name: np.array(tonight[name]) for name in columns}, dict.fromkeys(columns, 0.0))
    with np.errstate(all="raise", under="ignore"):
        last = PreviousRun(START - timedelta(days=1), {name: np.array(always[name]) for name in columns})
        distances_now = distances(trained, now, START, 0.05, last)
    assert all(math.isfinite(one.unusualness) for one in distances_now)
