"""The fitted trees of an estimator as plain arrays: histogram gradient boosting, and forests of scikit-learn's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Where a value goes that is missing; CATEGORY and up: the test is whether a bit of a set is on, by the set's number.
RIGHT, LEFT, CATEGORY = 0, 1, 2
# Words of a set: a bit for each category's code, and one more for what is missing or unknown.
WORDS = 9

Numbers = npt.NDArray[Any]


class NotCompiledError(Exception):
    """A booster of a kind that is left as it is; the text says which."""


@dataclass(frozen=True)
class Trees:
    """Nodes of all trees of an estimator, one tree after the other, in the order in which their leaves are added.

    Attributes:
        left: for each node the number of its left child; -1 where it is a leaf.
        right: of its right child.
        feature: which is tested.
        threshold: at most so large goes left.
        kind: where what is missing goes, or the set that is asked.
        value: what a leaf adds: shape (nodes, width).
        tree: the number of each node's tree.
        output: for each tree the first column of the sums to which it adds.
        sets: bits of the categories that go left, shape (sets, 9).
        categories: numbers of the features that hold categories' codes.
    """

    left: Numbers
    right: Numbers
    feature: Numbers
    threshold: Numbers
    kind: Numbers
    value: Numbers
    tree: Numbers
    output: Numbers
    sets: Numbers
    categories: Numbers


def of_boosting(estimator: Any) -> Trees:
    """The trees of HistGradientBoostingClassifier or -Regressor: one tree for each class in an iteration."""
    predictors = [each for iteration in estimator._predictors for each in iteration]
    nodes = np.concatenate([each.nodes for each in predictors])
    tree, first = numbered([len(each.nodes) for each in predictors])
    leaf, category = nodes["is_leaf"] == 1, (nodes["is_categorical"] == 1) & (nodes["is_leaf"] == 0)
    kind = np.where(nodes["missing_go_to_left"] == 1, LEFT, RIGHT)
    chosen, places = np.concatenate([each.raw_left_cat_bitsets for each in predictors]), nodes["bitset_idx"]
    places = places + numbered([len(each.raw_left_cat_bitsets) for each in predictors])[1][tree]
    sets = np.zeros((int(category.sum()), WORDS), np.uint32)
    if len(sets):
        known, place = estimator._bin_mapper.make_known_categories_bitsets()
        unknown = np.where(kind[category] == LEFT, np.uint32(2**32 - 1), np.uint32(0))
        # A category that training never saw goes where what is missing goes.
        known = known[place[nodes["feature_idx"][category]]]
        sets[:, :-1] = chosen[places[category]] | (~known & unknown[:, None])
        sets[:, -1] = unknown & 1
    kind[category] = CATEGORY + np.arange(len(sets))
    return Trees(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64) + first[tree]),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64) + first[tree]),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        kind=kind,
        value=nodes["value"][:, None],
        tree=tree,
        output=np.tile(np.arange(estimator.n_trees_per_iteration_), len(estimator._predictors)),
        sets=sets,
        categories=np.flatnonzero(estimator._bin_mapper.is_categorical_),
    )


def of_forest(estimator: Any) -> Trees:
    """The trees of a random forest, or of extremely randomized trees; each adds to every class."""
    trees = [each.tree_ for each in estimator.estimators_]
    tree, first = numbered([each.node_count for each in trees])
    left = _all(trees, lambda each: each.children_left).astype(np.int64)
    right = _all(trees, lambda each: each.children_right).astype(np.int64)
    inner = left >= 0
    return Trees(
        left=np.where(inner, left + first[tree], -1),
        right=np.where(inner, right + first[tree], -1),
        feature=np.where(inner, _all(trees, lambda each: each.feature), 0).astype(np.int64),
        threshold=_all(trees, lambda each: each.threshold),
        kind=np.where(_all(trees, lambda each: each.missing_go_to_left) == 1, LEFT, RIGHT),
        value=_all(trees, lambda each: each.value[:, 0, :]),
        tree=tree,
        output=np.zeros(len(trees), np.int64),
        sets=np.empty((0, WORDS), np.uint32),
        categories=np.empty(0, np.int64),
    )


def numbered(sizes: Sequence[int]) -> tuple[Numbers, Numbers]:
    """For each element the number of its group, and for each group the number of its first element."""
    return np.repeat(np.arange(len(sizes)), sizes), np.cumsum([0, *sizes[:-1]])


def _all(trees: Sequence[Any], of: Callable[[Any], Numbers]) -> Numbers:
    return np.concatenate([of(each) for each in trees])
