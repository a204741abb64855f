"""Rows made to hurt: on the thresholds of fitted trees and beside them, infinite, missing, tiny, of no category."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.worker.compiled.trees import CATEGORY, LEFT, Numbers, Trees

_ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, sys.float_info.min, 1e-310, 1e-42, 1e300, -1e300)
# What an encoder gives: the code of a category, or what is missing.
_CODES = 255
_BATCH, _SEED = 8192, 20130701


@dataclass(frozen=True)
class Domain:
    """What an estimator's method takes.

    Attributes:
        trees: of the estimator.
        features: how many columns a row has.
        dtype: in which it compares numbers.
        finite: whether it refuses infinite ones.
        missing: whether it takes what is missing.
        rounded: whether rows come in float64, and their numbers are rounded to `dtype` first.
    """

    trees: Trees
    features: int
    dtype: type[np.floating] = np.float64
    finite: bool = False
    missing: bool = True
    rounded: bool = False

    def takes(self, rows: Numbers) -> bool:
        """Whether it refuses none of these rows."""
        if self.finite and np.isinf(rows).any():
            return False
        return self.missing or not np.isnan(rows).any()


def rows(domain: Domain, number: int) -> Iterator[Numbers]:
    """So many rows or more, in batches: half hold each value of `_pool` once, half reach a node chosen at random."""
    random = np.random.default_rng(_SEED)
    pools = [random.permutation(_pool(domain, feature)) for feature in range(domain.features)]
    wanted = max(number // 2, *map(len, pools))
    for first in range(0, wanted, _BATCH):
        places = np.arange(first, min(first + _BATCH, wanted))
        yield np.stack([pool[places % len(pool)] for pool in pools], axis=1)
    inner, parents = np.flatnonzero(domain.trees.left >= 0), _parents(domain.trees)
    for first in range(0, number - number // 2 if len(inner) else 0, _BATCH):
        aimed = random.choice(inner, min(_BATCH, number - number // 2 - first))
        batch = np.stack([random.choice(pool, len(aimed)) for pool in pools], axis=1)
        _lead(domain, batch, aimed, parents, random)
        yield batch


def _pool(domain: Domain, feature: int) -> Numbers:
    """What a feature may hold: each threshold, the numbers beside it, and odd ones; or each code of a category."""
    if feature in domain.trees.categories:
        return np.array([*range(_CODES), np.nan], domain.dtype)
    tested = (domain.trees.left >= 0) & (domain.trees.feature == feature)
    below, above = _beside(domain, np.unique(domain.trees.threshold[tested]))
    further = np.nextafter(below, -np.inf, dtype=domain.dtype)
    with np.errstate(over="ignore"):
        values = np.concatenate([below, above, further, np.array(_ODD, domain.dtype)])
    if domain.rounded:
        values = np.concatenate([values, _rounded(below, above), np.array(_ODD)])
    values = values[~np.isinf(values)] if domain.finite else values
    return values if domain.missing else values[~np.isnan(values)]


def _beside(domain: Domain, thresholds: Numbers) -> tuple[Numbers, Numbers]:
    """The largest number that goes left, and the smallest that goes right."""
    with np.errstate(over="ignore"):
        below = thresholds.astype(domain.dtype)
        below = np.where(below > thresholds, np.nextafter(below, -np.inf, dtype=domain.dtype), below)
        return below, np.nextafter(below, np.inf, dtype=domain.dtype)


def _rounded(below: Numbers, above: Numbers) -> Numbers:
    """Numbers of float64 that are rounded to either of two neighbours: beside each, in the middle and beside it."""
    below, above = below.astype(np.float64), above.astype(np.float64)
    middle = below + (above - below) / 2
    ends = [np.nextafter(each, to) for each in (below, middle, above) for to in (-np.inf, np.inf)]
    return np.concatenate([middle, *ends])


def _parents(trees: Trees) -> Numbers:
    parents, inner = np.full(len(trees.left), -1), np.flatnonzero(trees.left >= 0)
    parents[trees.left[inner]] = parents[trees.right[inner]] = inner
    return parents


def _lead(
    domain: Domain, batch: Numbers, aimed: Numbers, parents: Numbers, random: np.random.Generator
) -> None:
    """Change each row of a batch so that it reaches the node at which it is aimed, on its threshold or beside.

    From the node up to its root a number that would go the other way is put on the threshold's right side: nearer to
    the root a threshold bounds more loosely, so what was put below stays right. Of sets of categories this is not so:
    a row that would need a category of several at once may end elsewhere.
    """
    trees, order = domain.trees, np.arange(len(batch))
    is_left = random.random(len(batch)) < 0.5
    _put(domain, batch, order, aimed, is_left, random)
    below, node = aimed, parents[aimed]
    while len(order := order[node >= 0]):
        below, node = below[node >= 0], node[node >= 0]
        is_left = trees.left[node] == below
        with np.errstate(over="ignore"):
            numbers = batch[order, trees.feature[node]].astype(domain.dtype)
        wrong = _goes_left(trees, numbers, node) != is_left
        _put(domain, batch, order[wrong], node[wrong], is_left[wrong], random)
        below, node = node, parents[node]


def _goes_left(trees: Trees, numbers: Numbers, node: Numbers) -> Numbers:
    kind = trees.kind[node]
    left = np.where(np.isnan(numbers), kind == LEFT, numbers <= trees.threshold[node])
    category = kind >= CATEGORY
    code = np.where(np.isnan(numbers) | ~category, _CODES + 1, numbers).astype(np.int64)
    left[category] = _bits(trees, kind[category])[np.arange(int(category.sum())), code[category]]
    return left


def _put(
    domain: Domain,
    batch: Numbers,
    order: Numbers,
    node: Numbers,
    is_left: Numbers,
    random: np.random.Generator,
) -> None:
    """Have a row of a batch go left or right at a node."""
    trees = domain.trees
    below, above = _beside(domain, trees.threshold[node])
    values, category = np.where(is_left, below, above), trees.kind[node] >= CATEGORY
    if domain.missing:  # a test of what is missing alone has an infinite threshold
        values[~is_left & np.isinf(values)] = np.nan
    if domain.finite:
        values = np.clip(values, np.finfo(domain.dtype).min, np.finfo(domain.dtype).max)
    if category.any():
        bits = _bits(trees, trees.kind[node][category])[:, :_CODES] == is_left[category][:, None]
        values[category] = (bits * random.random(bits.shape)).argmax(axis=1)
    batch[order, trees.feature[node]] = values


def _bits(trees: Trees, kind: Numbers) -> Numbers:
    words = trees.sets[kind - CATEGORY].astype("<u4")
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool)
