"""pipeline/challenger/paired_test.py: equal versions are seldom told apart, and better ones are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.challenger.paired_test import compare, log_evidence, log_evidence_each_day

DAYS, STREAMS, RATE = 365, 1000, 0.05
differences = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40)


def ever(streams: np.ndarray) -> float:
    """Share of streams in which the evidence reaches its limit on some day of the year."""
    return float((log_evidence_each_day(streams) >= np.log(1 / RATE)).any(axis=1).mean())


@pytest.mark.parametrize("name", ["normal", "heavy tails", "ever more unsteady"])
def test_of_versions_that_are_equal_few_are_told_apart_under_a_look_every_day(name: str) -> None:
    random = np.random.default_rng(11)
    drawn = random.normal(size=(STREAMS, DAYS))
    streams = {
        "normal": drawn,
        "heavy tails": random.standard_t(2, (STREAMS, DAYS)),
        "ever more unsteady": drawn * np.exp(np.cumsum(random.normal(0, 0.1, drawn.shape), axis=1)),
    }[name]
    assert ever(streams) <= RATE


def test_a_version_that_is_better_is_found() -> None:
    random = np.random.default_rng(12)
    assert ever(random.normal(0.5, 1, (STREAMS, 90))) > 0.9
    paired = compare(random.normal(0.5, 1, 90).tolist(), RATE)
    assert paired.verdict == "better"
    assert paired.low is not None
    assert 0 < paired.low < paired.mean < (paired.high or 0)


def test_the_interval_holds_the_true_difference_at_the_stated_rate() -> None:
    random = np.random.default_rng(13)
    held = []
    for _ in range(100):
        paired = compare(random.normal(0.3, 1, 60).tolist(), RATE)
        assert paired.low is not None
        assert paired.high is not None
        held.append(paired.low <= 0.3 <= paired.high)
    assert np.mean(held) >= 1 - RATE


def test_few_days_have_no_interval_and_no_verdict() -> None:
    paired = compare([0.5] * 3 + [0.4], RATE)
    assert (paired.verdict, paired.low, paired.high, paired.days) == ("undecided", None, None, 4)
    assert compare([], RATE).verdict == "undecided"


def test_the_same_scores_are_neither_better_nor_worse() -> None:
    paired = compare([0.0] * 30, RATE)
    assert (paired.verdict, paired.mean, paired.low, paired.high, paired.evidence) == (
        "undecided",
        0,
        0,
        0,
        0,
    )


@given(differences, st.floats(1e-6, 1e6))
def test_neither_the_unit_nor_the_side_matters(values: list[float], unit: float) -> None:
    one, other = compare(values, RATE), compare([-unit * value for value in values], RATE)
    opposite = {"better": "worse", "worse": "better", "undecided": "undecided"}
    assert other.evidence == pytest.approx(one.evidence, rel=1e-6, abs=1e-6)
    if abs(one.evidence - 1) > 1e-6:
        assert other.verdict == opposite[one.verdict]


@given(differences)
def test_the_evidence_excludes_the_bounds(values: list[float]) -> None:
    paired = compare(values, RATE)
    if paired.low is None or paired.high is None or paired.low == paired.high:
        return
    bounds = np.array([paired.low, paired.high])
    assert paired.low <= paired.mean <= paired.high
    assert (log_evidence(np.array(values), bounds) >= np.log(1 / RATE) - 1e-6).all()
