"""pipeline/evaluation/metrics.py: rates with their intervals, and counts that add up."""

import numpy as np
import pytest

from pipeline.evaluation.metrics import intervals, rates
from tests.pipeline.evaluation.test_fairness import grouped, night


@pytest.mark.parametrize(("hits", "rows"), [(0, 10), (10, 10), (3, 17), (500, 1000)])
def test_a_rates_interval_is_wilsons(hits: int, rows: int) -> None:
    share, z = hits / rows, 1.959963984540054
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    bounds = intervals({"recall:a": (hits, rows)})
    assert bounds == {
        "recall:a": share,
        "recall_low:a": pytest.approx(middle - half, abs=1e-12),
        "recall_high:a": pytest.approx(middle + half, abs=1e-12),
    }


def test_a_rate_of_nothing_is_left_out() -> None:
    assert intervals({"recall": (0, 0)}) == {}


def test_counts_of_groups_add_up_to_those_of_all() -> None:
    labelled = night(np.random.default_rng(10))
    groups = grouped(labelled, np.arange(len(labelled)) % 7)
    for name, whole in rates(labelled).items():
        parts = [rates(group)[name] for group in groups.values()]
        assert tuple(map(sum, zip(*parts, strict=True))) == whole
