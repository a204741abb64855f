"""pipeline/monitoring/day_over_day.py: what is usual in another season is unusual from one day to the next."""

import re
from datetime import timedelta

import numpy as np

from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.drift import distances
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import NIGHTS, START, look, night, profiled, season


def test_false_alarms_stay_near_the_rate_where_changes_are_looked_at_too(reference: Reference) -> None:
    random = np.random.default_rng(8)
    flagged, last = 0, None
    for number in range(NIGHTS, NIGHTS + 100):
        rows, day = night(random, number), START + timedelta(days=number)
        distances_now = look(reference, rows, day, last=last)
        flagged += any(one.unusual for one in distances_now.values())
        last = PreviousRun(day, profiled(reference, rows).counts)
    assert flagged <= 100 * 0.05 * 2


def test_what_is_usual_in_another_season_is_unusual_from_one_night_to_the_next(seasonal: Reference) -> None:
    day = START + timedelta(days=NIGHTS + 60)
    last = PreviousRun(day - timedelta(days=1), profiled(seasonal, season(NIGHTS + 59)).counts)
    winter = season(NIGHTS).assign(night=day)
    assert not look(seasonal, winter, day)["amount"].unusual
    assert not look(seasonal, season(NIGHTS + 60), day, last=last)["amount"].unusual
    distances_now = look(seasonal, winter, day, last=last)["amount"]
    assert distances_now.unusual
    message = r"moved by \d\.\d\d bins since 2024-06-28 \(none of 119 training days changed as much\)"
    assert re.fullmatch(message, str(distances_now))


def test_without_a_night_to_compare_with_the_whole_rate_is_for_the_distances(reference: Reference) -> None:
    day = START + timedelta(days=NIGHTS)
    rows = night(np.random.default_rng(12), NIGHTS)
    counts = profiled(reference, rows).counts
    alone = distances(reference, profiled(reference, rows), day, 0.05)
    other_bins = PreviousRun(day - timedelta(days=1), {"amount": counts["amount"]})
    too_long_ago = PreviousRun(day - timedelta(days=NIGHTS - 10), counts)
    for last in (other_bins, too_long_ago):
        assert distances(reference, profiled(reference, rows), day, 0.05, last) == alone
    distances_now = distances(
        reference, profiled(reference, rows), day, 0.05, PreviousRun(day - timedelta(days=1), counts)
    )
    assert len(distances_now) == len(alone) + len(reference.counts)
