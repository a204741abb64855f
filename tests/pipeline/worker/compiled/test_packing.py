"""Small trees become tests of all rows, large ones nodes; each leaf keeps its value."""

import numpy as np

from pipeline.worker.compiled.packing import KIND, LEAF, SMALL, pack
from pipeline.worker.compiled.trees import of_boosting, of_forest
from tests.pipeline.worker.compiled.fitted import fitted


def test_small_trees_are_tests_and_large_ones_nodes() -> None:
    small = pack(of_boosting(fitted("binary")))
    assert not small.trees["walked"].any()
    assert len(small.nodes) == 0
    large = pack(of_forest(fitted("random forest")[-1]))
    assert large.trees["walked"].all()
    leaves = large.nodes["column"] >> KIND == LEAF
    assert leaves.sum() == len(large.values) > 8 * SMALL


def test_every_leaf_has_its_value_once() -> None:
    trees = of_boosting(fitted("binary"))
    packed = pack(trees)
    assert np.array_equal(np.sort(packed.values.ravel()), np.sort(trees.value[trees.left < 0].ravel()))


def test_only_features_that_are_tested_are_laid_out() -> None:
    trees = of_boosting(fitted("binary"))
    packed = pack(trees)
    assert set(packed.columns["feature"]) == set(trees.feature[trees.left >= 0])
    assert packed.columns["feature"][packed.columns["category"] == 1].tolist() == trees.categories.tolist()
