"""Fitted trees as trees.c takes them: small trees as tests of all rows, large ones as nodes that rows walk through."""

from dataclasses import dataclass

import numpy as np

from pipeline.worker.compiled.trees import CATEGORY, RIGHT, Numbers, Trees

# A row has a bit for each leaf of a small tree. In larger ones walking costs less, too.
SMALL = 64
# Rows of a block, and blocks that are laid out at once.
BLOCK, MANY = 64, 16

TREE = np.dtype([(name, np.uint32) for name in ("first", "last", "leaf", "output", "kind", "unused")])
TEST = np.dtype([("threshold", "f8"), ("keep", "u8"), ("column", "u4"), ("kind", "u4")])
# `column` has its kind in the two highest bits. A leaf's threshold is NaN, with its number in the low bits.
NODE = np.dtype([("threshold", "f8"), ("column", "u4"), ("left", "u4")])
KIND, LEAF = 30, 0x7FF8 << 48
COLUMN = np.dtype([("feature", "u4"), ("category", "u4")])
# Kinds of trees: of tests; of nodes; and of nodes of which some ask a set.
TESTS, NODES, SETS = 0, 1, 2


@dataclass(frozen=True)
class Packed:
    """The arrays of trees.c, in its order.

    Attributes:
        trees: one each: where its tests or nodes begin and end, its first leaf, where it adds, and its kind.
        tests: of small trees.
        nodes: of large trees, level by level; a right child follows its sister.
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
    leaves, first_leaf = _leaves(trees, levels)
    per_tree = np.bincount(trees.tree[~inner], minlength=count)
    walked, leaf = per_tree > SMALL, _begins(np.cumsum(per_tree))
    features = np.unique(trees.feature[inner])
    columns = np.zeros(len(features), COLUMN)
    columns["feature"], columns["category"] = features, np.isin(features, trees.categories)
    column = np.searchsorted(features, np.where(inner, trees.feature, -1)).astype(np.uint32)
    small = np.flatnonzero(inner & ~walked[trees.tree])
    tests, test_ends = _tests(trees, small, column, leaves, first_leaf), _ends(trees, small)
    large = np.flatnonzero(walked[trees.tree])
    nodes, node_ends = _nodes(trees, levels, walked, column, first_leaf), _ends(trees, large)
    packed = np.zeros(count, TREE)
    packed["first"] = np.where(walked, _begins(node_ends), _begins(test_ends))
    packed["last"] = np.where(walked, node_ends, test_ends)
    packed["leaf"], packed["output"] = leaf, trees.output
    asks = np.bincount(trees.tree[inner & (trees.kind >= CATEGORY)], minlength=count) > 0
    packed["kind"] = np.where(walked, np.where(asks, SETS, NODES), TESTS)
    values = np.empty((int(per_tree.sum()), trees.value.shape[1]))
    values[(leaf[trees.tree] + first_leaf)[~inner]] = trees.value[~inner]
    return Packed(packed, tests, nodes, np.ascontiguousarray(trees.sets, np.uint32), columns, values)


def _levels(trees: Trees) -> list[Numbers]:
    """All nodes from the roots on, level by level, a right child behind its sister."""
    level = np.unique(trees.tree, return_index=True)[1]
    levels = []
    while len(level):
        levels.append(level)
        above = level[trees.left[level] >= 0]
        level = np.stack([trees.left[above], trees.right[above]], axis=1).ravel()
    return levels


def _leaves(trees: Trees, levels: list[Numbers]) -> tuple[Numbers, Numbers]:
    """For each node how many leaves are below it, and which of its tree's, from the left, is the first."""
    leaves, first = np.ones(len(trees.left), np.int64), np.zeros(len(trees.left), np.int64)
    for level in reversed(levels):
        above = level[trees.left[level] >= 0]
        leaves[above] = leaves[trees.left[above]] + leaves[trees.right[above]]
    for level in levels:
        above = level[trees.left[level] >= 0]
        left, right = trees.left[above], trees.right[above]
        first[left], first[right] = first[above], first[above] + leaves[left]
    return leaves, first


def _tests(trees: Trees, small: Numbers, column: Numbers, leaves: Numbers, first_leaf: Numbers) -> Numbers:
    tests, left, bit = np.zeros(len(small), TEST), trees.left[small], np.uint64(1)
    ahead = ((bit << leaves[left].astype(np.uint64)) - bit) << first_leaf[left].astype(np.uint64)
    tests["threshold"], tests["kind"] = trees.threshold[small], trees.kind[small]
    tests["column"], tests["keep"] = column[small], ~ahead
    return tests


def _nodes(
    trees: Trees, levels: list[Numbers], walked: Numbers, column: Numbers, first_leaf: Numbers
) -> Numbers:
    ordered = np.concatenate(levels)
    ordered = ordered[walked[trees.tree[ordered]]]
    # The levels of one tree after the other.
    ordered = ordered[np.argsort(trees.tree[ordered], kind="stable")]
    place = np.zeros(len(trees.left), np.int64)
    place[ordered] = np.arange(len(ordered)) - _begins(_ends(trees, ordered))[trees.tree[ordered]]
    nodes, leaf = np.zeros(len(ordered), NODE), trees.left[ordered] < 0
    kind = np.where(leaf, RIGHT, np.minimum(trees.kind[ordered], CATEGORY)).astype(np.uint32)
    threshold = np.where(kind == CATEGORY, trees.kind[ordered] - CATEGORY, trees.threshold[ordered])
    no_number = (LEAF + first_leaf[ordered]).view(np.float64)
    nodes["threshold"] = np.where(leaf, no_number, threshold)
    nodes["column"] = np.where(leaf, 0, column[ordered]) | kind << np.uint32(KIND)
    # No number is at most one that is none: of a leaf all go right, and there it stands itself.
    nodes["left"] = np.where(leaf, place[ordered] - 1, place[trees.left[ordered]])
    return nodes


def _ends(trees: Trees, nodes: Numbers) -> Numbers:
    """Where those of each tree end."""
    return np.cumsum(np.bincount(trees.tree[nodes], minlength=len(trees.output)))


def _begins(ends: Numbers) -> Numbers:
    return np.concatenate([np.zeros(1, ends.dtype), ends[:-1]])
