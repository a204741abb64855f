"""pipeline/monitoring/pooled/looks.py: the run by itself and with those before, together at one rate."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from pipeline.monitoring import drift
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.pooled import looks
from pipeline.monitoring.pooled.windows import PooledRuns
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import NIGHTS, START, night, profiled


def before(reference: Reference, profile: Profile, size: int) -> PooledRuns:
    """Runs before that all looked like this one."""
    days = {START + timedelta(days=NIGHTS + number): profile.rows for number in range(size - 1)}
    counts = {name: counts * (size - 1) for name, counts in profile.counts.items()}
    return PooledRuns(size - 1, counts, dict.fromkeys(counts, size - 1), days)


def columns(distances: Sequence[Distance], runs: int) -> set[str]:
    return {distance.column for distance in distances if distance.runs == runs and distance.unusual}


@pytest.fixture(scope="module")
def faulty(reference: Reference) -> Profile:
    """A night whose fault no look at it alone finds."""
    rows = night(np.random.default_rng(5), NIGHTS + 7)
    return profiled(reference, rows.assign(amount=np.random.default_rng(5).normal(128, 20, len(rows))))


def test_what_is_usual_by_itself_may_be_unusual_seven_times(reference: Reference, faulty: Profile) -> None:
    day = START + timedelta(days=NIGHTS + 7)
    distances = looks.distances(reference, faulty, day, 0.05, None, [before(reference, faulty, 7)])
    assert columns(distances, 1) == set()
    assert "amount" in columns(distances, 7)
    assert [each.unusualness for each in distances] == sorted(
        (each.unusualness for each in distances), reverse=True
    )


def test_in_what_a_run_is_unusual_by_itself_it_is_not_pooled(reference: Reference) -> None:
    usual = profiled(reference, night(np.random.default_rng(9), NIGHTS + 3))
    rows = night(np.random.default_rng(9), NIGHTS + 3)
    broken = profiled(reference, rows.assign(amount=0.0).head(60))
    day = START + timedelta(days=NIGHTS + 7)
    distances = looks.distances(reference, broken, day, 0.05, None, [before(reference, usual, 7)])
    assert columns(distances, 1) >= {"amount", VOLUME}
    assert not columns(distances, 7) & {"amount", VOLUME}


def test_a_look_that_is_taken_elsewhere_has_its_part_of_the_rate(reference: Reference) -> None:
    assert looks.rate_alone(reference, 0.05) == 0.05
    assert looks.rate_alone(reference, 0.05, besides=1) == pytest.approx(0.045)
    # All the others have a fifth at most, or a night by itself would find too little.
    assert looks.rate_alone(reference, 0.05, besides=3) == pytest.approx(0.04)
    assert looks.rate_of_each(reference, 0.05, besides=3) == pytest.approx(0.01 / 3)
    night_now = profiled(reference, night(np.random.default_rng(8), NIGHTS + 1))
    day = START + timedelta(days=NIGHTS + 1)
    alone = looks.distances(reference, night_now, day, 0.045)
    assert looks.distances(reference, night_now, day, 0.05, besides=1) == alone


def test_the_looks_share_one_rate(reference: Reference, faulty: Profile) -> None:
    """A pooled look that is taken has a tenth of it, and the run by itself what is left."""
    day = START + timedelta(days=NIGHTS + 7)
    pooled = [before(reference, faulty, size) for size in (7, 28)]
    for number in range(3):
        distances = looks.distances(reference, faulty, day, 0.05, None, pooled[:number])
        alone = drift.distances(reference, faulty, day, 0.05 * (1 - looks.SHARE * number))
        assert [each for each in distances if each.runs == 1] == list(alone)


def test_a_run_without_rows_is_compared_with_nothing(reference: Reference, faulty: Profile) -> None:
    empty = Profile.of(reference.bins)
    assert looks.distances(reference, empty, START, 0.05, None, [before(reference, faulty, 7)]) == ()
