"""pipeline/evaluation/e_detector.py: an alarm that chance seldom brings, that a fault brings soon, and that ends."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.evaluation import e_detector
from pipeline.evaluation.e_detector import WINDOW, Floats, Ordinary, State

RATE = 0.05
TRAINING = np.random.default_rng(1).gamma(40, 0.92 / 40, 180)
ORDINARY = Ordinary.of(list(TRAINING))


def follow(days: Sequence[float] | Floats, ordinary: Ordinary = ORDINARY, rate: float = RATE) -> list[State]:
    return e_detector.follow([ordinary], [[day] for day in days], rate)


def alarms(losses: Floats) -> list[bool]:
    return [state.alarm for state in follow(losses)]


def years(number: int, seed: int) -> Floats:
    """Years of ordinary days, drawn from the training's own."""
    chosen: Floats = np.random.default_rng(seed).choice(TRAINING, (number, e_detector.YEAR))
    return chosen


def test_hardly_a_year_of_ordinary_days_has_an_alarm() -> None:
    fortunes, places = e_detector.begin(500), ORDINARY.places(years(500, 2))
    crossed = np.zeros(500, bool)
    for day in range(e_detector.YEAR):
        fortunes = e_detector.bet(fortunes, places[:, day], ORDINARY)
        crossed |= fortunes.mean(axis=1) >= e_detector.limit(RATE)
    assert crossed.mean() <= RATE


def test_what_the_gamblers_have_grows_by_one_a_day_where_the_model_is_no_worse() -> None:
    # Two days of which the mean is what ordinary days have at most: nobody wins, whatever he stakes.
    had = np.full((2, 4), 7.0)
    places = np.array([0.0, 2 * ORDINARY.most])
    assert e_detector.bet(had, places, ORDINARY).mean(axis=0) == pytest.approx(np.full(4, 8.0))


def test_days_that_come_together_leave_a_wider_margin_than_the_same_days_apart() -> None:
    level = np.repeat(np.random.default_rng(7).normal(0, 0.1, 26), 7)  # a good or bad week
    together = 0.9 + level + np.random.default_rng(8).normal(0, 0.03, len(level))
    apart = np.random.default_rng(9).permutation(together)
    wide, narrow = Ordinary.of(list(together)), Ordinary.of(list(apart))
    plain = wide.places(together).std(ddof=1) / np.sqrt(len(together))
    mean = wide.places(together).mean()
    assert wide.most - mean > 1.5 * 3 * plain
    assert narrow.most - mean == pytest.approx(3 * plain, rel=0.25)


def test_days_that_are_the_contrary_of_the_day_before_leave_no_narrower_margin() -> None:
    days = [*np.tile([0.9, 0.9, 0.9, 1.3], 45)]
    contrary = Ordinary.of(days)
    places = contrary.places(days)
    plain = 3 * places.std(ddof=1) / np.sqrt(len(days))
    assert contrary.most == pytest.approx(places.mean() + plain)


def test_a_worse_model_is_found_and_it_is_over_once() -> None:
    days = years(1, 3)[0][:120]
    days[40:80] += 0.25
    states = alarms(days)
    changes = [day for day in range(1, 120) if states[day] != states[day - 1]]
    assert not states[0]
    assert len(changes) == 2
    assert 40 <= changes[0] < 40 + 28
    assert 80 <= changes[1] < 80 + 2 * WINDOW


def test_what_was_said_of_earlier_days_does_not_depend_on_later_ones() -> None:
    days = list(years(1, 4)[0][:60])
    days[30] = 9.0
    every = follow(days)
    assert follow(days[:45]) == every[:45]


def test_a_better_model_is_no_alarm() -> None:
    assert not any(alarms(years(1, 5)[0] - 0.3))


def test_one_bad_day_is_no_alarm_however_bad() -> None:
    days = years(1, 6)[0][:100]
    days[50] = 1e6
    assert not any(alarms(days))


def test_a_fault_that_stays_for_years_is_one_alarm_and_a_finite_number() -> None:
    states = follow([5.0] * 1000)
    assert all(state.alarm for state in states[10:])
    assert max(state.evidence for state in states) <= 2


def test_training_days_that_are_all_alike_leave_something_to_compare_with() -> None:
    alike = Ordinary.of([0.9] * 40)
    assert not any(state.alarm for state in follow([0.9] * 300, alike))
    assert follow([2.0] * 28, alike)[-1].alarm


def test_evidence_is_at_one_where_the_alarm_begins() -> None:
    states = follow([3.0] * 20)
    assert [state.alarm for state in states] == [state.evidence >= 1 for state in states]
    assert states[-1].alarm


def test_a_lower_rate_needs_more_evidence() -> None:
    days = [ORDINARY.mean + 0.3] * 28
    first = [follow(days, rate=rate) for rate in (0.5, 0.001)]
    assert first[0][9].evidence > first[1][9].evidence


def test_a_fault_in_one_of_two_figures_is_found_and_it_is_over_when_both_are_as_before() -> None:
    days = np.column_stack([years(1, 7)[0][:90], years(1, 8)[0][:90]])
    days[40:60, 1] += 0.25
    days[55:70, 0] += 0.25
    states = e_detector.follow([ORDINARY, ORDINARY], days.tolist(), RATE)
    on = [number for number, state in enumerate(states) if state.alarm]
    assert on == list(range(on[0], on[-1] + 1))
    assert 40 <= on[0] < 60
    assert 70 <= on[-1] < 70 + WINDOW


def test_two_figures_of_ordinary_days_have_an_alarm_in_hardly_a_year() -> None:
    streams = [e_detector.begin(500), e_detector.begin(500)]
    places = [ORDINARY.places(years(500, seed)) for seed in (9, 10)]
    crossed = np.zeros(500, bool)
    for day in range(e_detector.YEAR):
        streams = [
            e_detector.bet(had, place[:, day], ORDINARY) for had, place in zip(streams, places, strict=True)
        ]
        crossed |= np.mean(streams, axis=(0, 2)) >= e_detector.limit(RATE)
    assert crossed.mean() <= RATE


def test_a_day_that_lacks_a_figure_says_nothing_by_it() -> None:
    days = [[0.9, np.nan]] * 10
    states = e_detector.follow([ORDINARY, ORDINARY], [*days, [0.9, 9.0], *days], RATE)
    assert np.isnan(states[9].means[1])
    assert states[-1].means == pytest.approx((0.9, 9.0))
    assert states[-1].evidence == pytest.approx(states[10].evidence, abs=0.05)
