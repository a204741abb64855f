"""The trees of a booster of LightGBM's as plain arrays, and its own steps from sums of leaves to what it answers."""

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.worker.compiled.library import Library
from pipeline.worker.compiled.packing import pack
from pipeline.worker.compiled.trees import LEFT, RIGHT, WORDS, NotCompiledError, Numbers, Trees

# LightGBM takes smaller numbers for 0: its kZeroThreshold, a float32.
_ZERO = float(np.float32(1e-35))
_VALUES = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
_CATEGORY, _LEFT, _MISSING = (
    1,
    2,
    12,
)  # bits of a test: of categories; where what is missing goes; what is missing
_NAN = 8

# What a booster may be asked for instead of probabilities or values by all its trees.
_OTHERWISE = (
    *("start_iteration", "num_iteration", "raw_score", "pred_leaf", "pred_contrib", "pred_early_stop"),
    *("data_has_header", "validate_features"),
)

Link = Callable[[Numbers], Numbers]


def compiled(booster: Any, library: Library) -> tuple[Trees, Callable[..., Any]]:
    """A booster's trees, and what takes the place of its method `predict`.

    Raises:
        NotCompiledError: it is left as it is.
    """
    trees, link = of_lightgbm(booster)
    adder, outputs, features = library.adder(pack(trees)), int(trees.output.max()) + 1, booster.num_feature()
    own = type(booster).predict.__get__(booster)

    def predict(data: Any, *places: Any, **options: Any) -> Any:
        # LightGBM's estimators name what they do not want, too.
        otherwise = places or any(options.get(name) for name in _OTHERWISE)
        rows = None if otherwise else plain_rows(data, features)
        if rows is not None:
            sums = np.zeros((len(rows), outputs))
            adder.add(rows, sums)
            with contextlib.suppress(OverflowError):
                return link(sums)
        return own(data, *places, **options)

    return trees, predict


def of_lightgbm(booster: Any) -> tuple[Trees, Link]:
    """A booster's trees, and what makes its answers of their sums, from the text that LightGBM writes of it.

    Raises:
        NotCompiledError: it tests categories or takes zeros for missing, or its objective is another.
    """
    if booster.pandas_categorical:
        raise NotCompiledError("its columns hold categories")
    head, *texts = booster.model_to_string().split("\n\nend of trees")[0].split("\nTree=")
    header = _fields(head)
    link = _link(header.get("objective", "custom").split(), "average_output" in header)
    trees = [_fields(text) for text in texts]
    sizes = [int(each["num_leaves"]) for each in trees]
    if any(each["num_cat"] != "0" or each.get("is_linear", "0") != "0" for each in trees):
        raise NotCompiledError("its trees test categories, or have linear leaves")
    split = {name: _all(trees, name) for name in ("split_feature", "threshold", "decision_type")}
    # The tests of a tree come first, and then its leaves.
    tree = np.repeat(np.arange(len(sizes)), [2 * size - 1 for size in sizes])
    first = np.cumsum([0, *(2 * size - 1 for size in sizes[:-1])])
    inner = np.concatenate([np.arange(2 * size - 1) < size - 1 for size in sizes])
    begin, leaf = first[tree[inner]], (first + np.array(sizes) - 1)[tree[inner]]
    left, right, feature = np.full((3, len(tree)), -1)
    for side, name in ((left, "left_child"), (right, "right_child")):
        child = _all(trees, name).astype(np.int64)
        side[inner] = np.where(child >= 0, begin + child, leaf + ~child)
    feature[inner], feature[~inner] = split["split_feature"], 0
    threshold, kind, value = np.zeros(len(tree)), np.full(len(tree), RIGHT), np.zeros((len(tree), 1))
    threshold[inner], kind[inner] = _tests(split["threshold"], split["decision_type"].astype(np.int64))
    value[~inner, 0] = _all(trees, "leaf_value")
    outputs = np.arange(len(sizes)) % int(header["num_tree_per_iteration"])
    none = np.empty(0, np.int64)
    sets = np.empty((0, WORDS), np.uint32)
    return Trees(left, right, feature, threshold, kind, value, tree, outputs, sets, none), link


def plain_rows(data: Any, features: int) -> Numbers | None:
    """The numbers of a frame or an array as LightGBM takes them; None where it has more to do with them."""
    if isinstance(data, pd.DataFrame) and all(
        isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in data.dtypes
    ):
        data = data.to_numpy(np.float64)
    plain = isinstance(data, np.ndarray) and data.dtype in (np.float64, np.float32) and data.ndim == 2
    return data if plain and len(data) and data.shape[1] == features else None


def _fields(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines())


def _all(trees: Sequence[dict[str, str]], name: str) -> Numbers:
    return np.array(" ".join(each.get(name, "") for each in trees).split(), np.float64)


def _tests(threshold: Numbers, decision: Numbers) -> tuple[Numbers, Numbers]:
    """Thresholds and where what is missing goes, such that numbers are compared as they are."""
    missing = decision & _MISSING
    if not np.isin(missing, (0, _NAN)).all():
        raise NotCompiledError("it takes zeros for missing")
    zero, below = (threshold >= 0) & (threshold < _ZERO), (threshold < 0) & (threshold >= -_ZERO)
    threshold = np.where(zero, _ZERO, np.where(below, np.nextafter(-_ZERO, -np.inf), threshold))
    # Where nothing was missing in training, what is missing is 0.
    left = np.where(missing == _NAN, (decision & _LEFT) > 0, threshold >= 0)
    return threshold, np.where(left, LEFT, RIGHT)


def _link(objective: Sequence[str], averaged: bool) -> Link:
    name, *settings = objective
    options = dict(each.partition(":")[::2] for each in settings)
    if averaged or "sqrt" in options:
        raise NotCompiledError("it averages its trees, or squares their sums")
    if name == "binary":
        steepness = -float(options["sigmoid"])
        return lambda sums: 1 / (1 + _exp(steepness * sums[:, 0]))
    if name == "multiclass":
        return _softmax
    if name in _VALUES:
        return lambda sums: sums[:, 0]
    raise NotCompiledError(f"its objective is {name}")


def _softmax(sums: Numbers) -> Numbers:
    """As LightGBM adds: class after class."""
    powers = _exp((sums - sums.max(axis=1, keepdims=True)).ravel()).reshape(sums.shape)
    total = np.zeros(len(sums))
    for column in powers.T:
        total += column
    answer: Numbers = powers / total[:, None]
    return answer


def _exp(exponents: Numbers) -> Numbers:
    """By the C library, which LightGBM calls: NumPy has one of its own, with other last bits.

    Raises:
        OverflowError: a result would be infinite.
    """
    return np.fromiter(map(math.exp, exponents.tolist()), np.float64, len(exponents))
