"""Fitted trees are read as they are: their leaves, and the categories that go left."""

import numpy as np

from pipeline.worker.compiled.trees import CATEGORY, LEFT, of_boosting, of_forest
from tests.pipeline.worker.compiled.fitted import fitted


def test_a_boosting_has_a_tree_for_each_class_in_each_iteration() -> None:
    trees = of_boosting(fitted("multiclass"))
    assert trees.output.tolist() == [0, 1, 2, 3] * 12
    assert (trees.right[trees.left >= 0] >= 0).all()


def test_a_category_that_training_never_saw_goes_where_what_is_missing_goes() -> None:
    trees = of_boosting(fitted("binary"))
    sets = trees.sets[trees.kind[trees.kind >= CATEGORY] - CATEGORY]
    assert len(sets)
    never_seen = sets[:, 250 // 32] >> np.uint32(250 % 32) & np.uint32(1)
    assert (never_seen == sets[:, -1]).all()


def test_a_forest_adds_to_every_class() -> None:
    trees = of_forest(fitted("random forest")[-1])
    assert trees.value.shape[1] == 3
    leaves = trees.left < 0
    assert np.allclose(trees.value[leaves].sum(axis=1), 1)
    assert set(trees.kind) <= {0, LEFT}
