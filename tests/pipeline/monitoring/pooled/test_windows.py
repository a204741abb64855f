"""pipeline/monitoring/pooled/windows.py: what windows of training days are like, and where too few are withheld."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.calibration import VOLUME
from pipeline.monitoring.pooled import windows
from pipeline.monitoring.pooled.windows import PooledRuns
from pipeline.monitoring.references import Reference
from tests.pipeline.monitoring.training import START

RATE = 0.03


def drawn(days: int, gap: int = 0) -> Reference:
    """Days of a thousand rows whose shares differ from day to day; after the 60th none for a while."""
    random = np.random.default_rng(days)
    shares = random.dirichlet(np.full(5, 200), days)
    counts = np.array([random.multinomial(1000, each) for each in shares])
    training_days = tuple(
        START + timedelta(days=number + (gap if number > 60 else 0)) for number in range(days)
    )
    bins = Bins("amount", "edges", edges=(1.0, 2.0, 3.0))
    return Reference({"amount": bins}, training_days, {"amount": counts})


def pooled(reference: Reference, size: int, counts: np.ndarray) -> PooledRuns:
    """Runs as many as a look has, each with these counts."""
    days = {
        reference.training_days[-1] + timedelta(days=number + 1): int(counts.sum()) for number in range(size)
    }
    return PooledRuns(size, {"amount": counts * size}, {"amount": size}, days)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return drawn(200)


@pytest.mark.parametrize("size", windows.SIZES)
def test_a_small_shift_that_stays_is_beyond_the_limit_and_none_is_not(
    reference: Reference, size: int
) -> None:
    training = windows.of(reference, size, RATE)
    assert training is not None
    limit = training.limit(0.01)
    usual = reference.counts["amount"].mean(axis=0).round().astype(np.int64)
    shifted = usual + np.array([-60, 0, 0, 60, 0])
    for counts, unusual in ((usual, False), (shifted, True)):
        distances = windows.distances(reference, pooled(reference, size, counts), training, limit)
        by_column = {distance.column: distance for distance in distances}
        assert by_column["amount"].unusual is unusual
        assert by_column["amount"].runs == size
        assert not by_column[VOLUME].unusual
    assert str(by_column["amount"]).endswith(
        f"to the training days, over {size} runs (none of {len(training.statistics)} windows of {size} training "
        "days was as far)"
    )


def test_fewer_rows_on_each_of_seven_runs_are_unusual(reference: Reference) -> None:
    training = windows.of(reference, 7, RATE)
    assert training is not None
    usual = reference.counts["amount"].mean(axis=0)
    fewer = pooled(reference, 7, (usual * 0.6).astype(np.int64))
    distances = windows.distances(reference, fewer, training, training.limit(0.01))
    assert [distance.column for distance in distances if distance.unusual] == [VOLUME]


def test_one_day_of_another_world_leaves_the_windows_as_they_are(reference: Reference) -> None:
    counts = reference.counts["amount"].copy()
    counts[90] = [0, 0, 0, 0, 1000]
    stormy = replace(reference, counts={"amount": counts})
    with_storm, without = (windows.of(each, 7, RATE) for each in (stormy, reference))
    assert with_storm is not None
    assert without is not None
    assert with_storm.limit(0.01) < 1.2 * without.limit(0.01)
    assert with_storm.ordinary["amount"][4] < without.ordinary["amount"][4]


def test_a_column_that_most_runs_lack_is_not_compared(reference: Reference) -> None:
    training = windows.of(reference, 7, RATE)
    assert training is not None
    runs = replace(pooled(reference, 7, reference.counts["amount"][0]), runs={"amount": 3})
    distances = windows.distances(reference, runs, training, training.limit(0.01))
    assert [distance.column for distance in distances] == [VOLUME]


@pytest.mark.parametrize(
    ("days", "size", "enough"), [(60, 7, True), (60, 28, False), (111, 28, False), (112, 28, True)]
)
def test_too_few_training_days_withhold_a_look(days: int, size: int, enough: bool) -> None:
    reference = drawn(days)
    assert windows.enough(reference, size) is enough
    assert (windows.of(reference, size, RATE) is not None) is enough


def test_fewer_windows_ask_for_more() -> None:
    """The same statistics say less of the next window where fewer stand side by side."""
    training = windows.of(drawn(200), 28, RATE)
    assert training is not None
    limits = [replace(training, side_by_side=many).limit(0.01) for many in (4, 8, 40)]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] > 1.3 * limits[2]


def test_no_window_spans_days_that_lie_far_apart() -> None:
    days = drawn(100, gap=60).training_days
    last = windows.ends(days, 7)
    assert all((days[end] - days[end - 6]).days == 6 for end in last)
    assert len(last) == 100 - 6 - 6
