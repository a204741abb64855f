"""Rows made to hurt hold each threshold with its neighbours, odd numbers, each category, and reach deep nodes."""

from dataclasses import replace

import numpy as np

from pipeline.worker.compiled import hurting
from pipeline.worker.compiled.hurting import Domain
from pipeline.worker.compiled.trees import CATEGORY, Numbers, of_boosting, of_forest
from tests.pipeline.worker.compiled.fitted import fitted


def made(domain: Domain, number: int = 2000) -> Numbers:
    return np.concatenate(list(hurting.rows(domain, number)))


def test_each_threshold_and_its_neighbours_are_among_them() -> None:
    trees = of_boosting(fitted("binary"))
    rows = made(Domain(trees, 5))
    assert len(rows) >= 2000
    numbers = (trees.left >= 0) & (trees.kind < CATEGORY) & np.isfinite(trees.threshold)
    for feature, threshold in zip(trees.feature[numbers], trees.threshold[numbers], strict=True):
        below, above = np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf)
        assert {below, threshold, above} <= set(rows[:, feature])


def test_odd_numbers_and_every_category_are_among_them() -> None:
    trees = of_boosting(fitted("binary"))
    rows = made(Domain(trees, 5))
    [category] = trees.categories
    assert set(range(255)) <= set(rows[:, category])
    assert np.isnan(rows).any(axis=0).all()
    other = rows[:, [each for each in range(5) if each != category]]
    assert {np.inf, -np.inf, 5e-324, 0.0} <= set(other.ravel())
    assert (np.signbit(other) & (other == 0)).any()


def test_forests_get_numbers_that_they_take() -> None:
    trees = of_forest(fitted("random forest")[-1])
    rows = made(Domain(trees, 5, np.float32, finite=True, missing=False))
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test_numbers_that_are_rounded_lie_on_both_sides_of_where_rounding_turns() -> None:
    trees = of_forest(fitted("random forest")[-1])
    threshold = np.nextafter(trees.threshold.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
    rows = made(Domain(replace(trees, threshold=threshold), 5, np.float32, rounded=True))
    assert rows.dtype == np.float64
    tests = (trees.left >= 0) & np.isfinite(trees.threshold)
    for feature, below in zip(trees.feature[tests], threshold[tests], strict=True):
        above = float(np.nextafter(np.float32(below), np.float32(np.inf)))
        beside = {
            np.nextafter(each, to) for each in (below, (below + above) / 2, above) for to in (-9e99, 9e99)
        }
        assert beside | {below, (below + above) / 2, above} <= set(rows[:, feature])


def test_rows_are_led_to_the_node_at_which_they_are_aimed() -> None:
    trees = of_forest(fitted("random forest")[-1])
    domain, random = Domain(trees, 5, np.float32, finite=True), np.random.default_rng(0)
    aimed = random.choice(np.flatnonzero(trees.left >= 0), 500)
    batch, parents = np.zeros((500, 5), np.float32), hurting._parents(trees)
    hurting._lead(domain, batch, aimed, parents, random)
    for row, last in zip(batch, aimed, strict=True):
        node = last
        while (above := parents[node]) >= 0:
            [left] = hurting._goes_left(trees, row[trees.feature[above]][None], above[None])
            assert node == (trees.left if left else trees.right)[above]
            node = above
