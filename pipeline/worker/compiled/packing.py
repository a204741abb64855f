"""Fitted trees as trees.c takes them: small trees as tests of all rows, large ones as nodes that rows walk through."""

from dataclasses import dataclass

import numpy as np

from pipeline.worker.compiled.trees import CATEGORY, Numbers, Trees

# A row has a bit for each leaf of a small tree. In larger ones walking costs less, too.
SMALL = 64
# Rows of a block, and blocks that are laid out at once.
BLOCK, MANY = 64, 16

TREE = np.dtype([(name, np.uint32) for name in ("first", "last", "leaf", "output", "walked", "unused")])
TEST = np.dtype([("threshold", "f8"), ("keep", "u8"), ("column", "u4"), ("kind", "u4")])
# `column` has its kind in the two highest bits.
NODE = np.dtype([("threshold", "f8"), ("column", "u4"), ("right", "u4")])
KIND, LEAF = 30, 3
COLUMN = np.dtype([("feature", "u4"), ("category", "u4")])


@dataclass(frozen=True)
class Packed:
    """The arrays of trees.c, in its order.

    Attributes:
        trees: one each: where its tests or nodes begin and end, its first leaf, and where it adds.
        tests: of small trees.
        nodes: of large trees; a left child follows its parent.
        sets: of categories that go left.
        columns: the features that are tested at all.
        values: of the leaves, shape (leaves, width).
    """

    trees: Numbers
    tests: Numbers
    nodes: Numbers
    sets: Numbers
    columns: Numbers
    values: Numbers

    @property
    def scratch(self) -> int:
        """How many float64 a call needs to work with: each column of its blocks twice, and its codes of four bytes."""
        return MANY * BLOCK * 3 * len(self.columns) + 1


def pack(trees: Trees) -> Packed:
    """Lay trees out for trees.c."""
    levels = _levels(trees)
    inner, count = trees.left >= 0, len(trees.output)
    leaves, first_leaf, place = _places(trees, levels)
    features = np.unique(trees.feature[inner])
    columns = np.zeros(len(features), COLUMN)
    columns["feature"], columns["category"] = features, np.isin(features, trees.categories)
    column = np.searchsorted(features, np.where(inner, trees.feature, -1)).astype(np.uint32)
    per_tree = np.bincount(trees.tree[~inner], minlength=count)
    walked, leaf = per_tree > SMALL, _begins(np.cumsum(per_tree))
    small = np.flatnonzero(inner & ~walked[trees.tree])
    tests, test_ends = _tests(trees, small, column, leaves, first_leaf), _ends(trees, small)
    large = np.flatnonzero(walked[trees.tree])
    nodes, node_ends = _nodes(trees, large, column, first_leaf, place), _ends(trees, large)
    packed = np.zeros(count, TREE)
    packed["first"] = np.where(walked, _begins(node_ends), _begins(test_ends))
    packed["last"] = np.where(walked, node_ends, test_ends)
    packed["leaf"], packed["output"], packed["walked"] = leaf, trees.output, walked
    values = np.empty((int(per_tree.sum()), trees.value.shape[1]))
    values[(leaf[trees.tree] + first_leaf)[~inner]] = trees.value[~inner]
    return Packed(packed, tests, nodes, np.ascontiguousarray(trees.sets, np.uint32), columns, values)


def _levels(trees: Trees) -> list[Numbers]:
    """All nodes from the roots on, level by level."""
    level = np.unique(trees.tree, return_index=True)[1]
    levels = []
    while len(level):
        levels.append(level)
        above = level[trees.left[level] >= 0]
        level = np.concatenate([trees.left[above], trees.right[above]])
    return levels


def _places(trees: Trees, levels: list[Numbers]) -> tuple[Numbers, Numbers, Numbers]:
    """For each node how many leaves are below it, which of its tree's is the first, and the node's own number.

    Leaves are counted from the left; nodes so that a left child follows its parent.
    """
    leaves, first, place = np.ones(len(trees.left), np.int64), *np.zeros((2, len(trees.left)), np.int64)
    for level in reversed(levels):
        above = level[trees.left[level] >= 0]
        leaves[above] = leaves[trees.left[above]] + leaves[trees.right[above]]
    for level in levels:
        above = level[trees.left[level] >= 0]
        left, right = trees.left[above], trees.right[above]
        first[left], first[right] = first[above], first[above] + leaves[left]
        # A tree with so many leaves has twice as many nodes, but one.
        place[left], place[right] = place[above] + 1, place[above] + 2 * leaves[left]
    return leaves, first, place


def _tests(trees: Trees, small: Numbers, column: Numbers, leaves: Numbers, first_leaf: Numbers) -> Numbers:
    tests, left, bit = np.zeros(len(small), TEST), trees.left[small], np.uint64(1)
    ahead = ((bit << leaves[left].astype(np.uint64)) - bit) << first_leaf[left].astype(np.uint64)
    tests["threshold"], tests["kind"] = trees.threshold[small], trees.kind[small]
    tests["column"], tests["keep"] = column[small], ~ahead
    return tests


def _nodes(trees: Trees, large: Numbers, column: Numbers, first_leaf: Numbers, place: Numbers) -> Numbers:
    nodes, leaf = np.zeros(len(large), NODE), trees.left[large] < 0
    kind = np.where(leaf, LEAF, np.minimum(trees.kind[large], CATEGORY)).astype(np.uint32)
    nodes["threshold"] = np.where(kind == CATEGORY, trees.kind[large] - CATEGORY, trees.threshold[large])
    nodes["column"] = column[large] | kind << np.uint32(KIND)
    nodes["right"] = np.where(leaf, first_leaf[large], place[trees.right[large]])
    ordered = np.empty_like(nodes)
    ordered[_begins(_ends(trees, large))[trees.tree[large]] + place[large]] = nodes
    return ordered


def _ends(trees: Trees, nodes: Numbers) -> Numbers:
    """Where those of each tree end."""
    return np.cumsum(np.bincount(trees.tree[nodes], minlength=len(trees.output)))


def _begins(ends: Numbers) -> Numbers:
    return np.concatenate([np.zeros(1, ends.dtype), ends[:-1]])
