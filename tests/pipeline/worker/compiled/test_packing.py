"""Small trees become tests of all rows, large ones nodes; each leaf keeps its value."""

import numpy as np

from pipeline.worker.compiled.packing import KIND, LEAF, NODES, SETS, SMALL, TESTS, pack
from pipeline.worker.compiled.trees import CATEGORY, of_boosting, of_forest
from tests.pipeline.worker.compiled.fitted import fitted


def test_small_trees_are_tests_and_large_ones_nodes() -> None:
    small = pack(of_boosting(fitted("binary")))
    assert (small.trees["kind"] == TESTS).all()
    assert len(small.nodes) == 0
    large = pack(of_forest(fitted("random forest")[-1]))
    assert (large.trees["kind"] == NODES).all()
    leaves = np.isnan(large.nodes["threshold"])
    assert leaves.sum() == len(large.values) > 8 * SMALL


def test_a_leaf_leads_to_itself_and_names_its_value() -> None:
    trees = of_forest(fitted("random forest")[-1])
    packed = pack(trees)
    first, last, leaf = (packed.trees[name][0] for name in ("first", "last", "leaf"))
    nodes = packed.nodes[first:last]
    places = np.flatnonzero(np.isnan(nodes["threshold"]))
    assert np.array_equal(nodes["left"][places] + 1, places)
    numbers = nodes["threshold"][places].view(np.int64) - LEAF
    assert np.array_equal(np.sort(numbers), np.arange(len(places)))
    of_first = trees.value[(trees.tree == 0) & (trees.left < 0)]
    values = packed.values[leaf + numbers]
    assert np.array_equal(np.sort(values, axis=0), np.sort(of_first, axis=0))


def test_every_leaf_has_its_value_once() -> None:
    trees = of_boosting(fitted("binary"))
    packed = pack(trees)
    assert np.array_equal(np.sort(packed.values.ravel()), np.sort(trees.value[trees.left < 0].ravel()))


def test_only_features_that_are_tested_are_laid_out() -> None:
    trees = of_boosting(fitted("binary"))
    packed = pack(trees)
    assert set(packed.columns["feature"]) == set(trees.feature[trees.left >= 0])
    assert packed.columns["feature"][packed.columns["category"] == 1].tolist() == trees.categories.tolist()


def test_a_large_tree_says_whether_it_asks_a_set() -> None:
    packed = pack(of_boosting(fitted("large trees")))
    for tree in packed.trees[packed.trees["kind"] != TESTS]:
        kinds = packed.nodes["column"][tree["first"] : tree["last"]] >> KIND
        assert (tree["kind"] == SETS) == (CATEGORY in kinds)
