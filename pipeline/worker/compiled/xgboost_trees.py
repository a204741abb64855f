"""The trees of a booster of XGBoost's as plain arrays, and its own steps from sums of leaves to what it answers."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.worker.compiled.library import Library
from pipeline.worker.compiled.packing import pack
from pipeline.worker.compiled.trees import LEFT, RIGHT, WORDS, NotCompiledError, Numbers, Trees, numbered

# The feature of a node that was taken away when its tree was pruned: XGBoost's kDeletedNodeMarker.
_DELETED = 2**31 - 1
# Of fewer rows the calls cost more than the trees do, so the booster answers by itself.
FEW = 64
# What a call may ask of its answer, beside the rows of which it is.
_ANSWERED = ("predict_type", "strict_shape")


def compiled(booster: Any, library: Library) -> tuple[Trees, int, Callable[..., Any]]:
    """A booster's trees, of how many rounds they are, and what takes the place of its method `inplace_predict`.

    Raises:
        NotCompiledError: it is left as it is.
    """
    learner = json.loads(booster.save_raw("json"))["learner"]
    whole, best = booster.num_boosted_rounds(), booster.attr("best_iteration")
    rounds = whole if best is None else int(best) + 1  # of early stopping, as its estimators predict
    trees = of_xgboost(learner, rounds)
    adder, last = library.float32_adder(pack(trees)), without_trees(booster)
    base = last.inplace_predict(_no_features(1), predict_type="margin").reshape(1, -1)
    names, features = booster.feature_names, booster.num_features()
    own = type(booster).inplace_predict.__get__(booster)

    def predict(data: Any, **options: Any) -> Any:
        begin, end = options.get("iteration_range", (0, 0))
        alike = (begin, end or whole) == (0, rounds) and _takes_rows_alone(options)
        rows = plain_rows(data, features, names) if alike else None
        if rows is None:
            return own(data, **options)
        sums = np.repeat(base, len(rows), axis=0)
        adder.add(rows, sums)
        asked = {name: value for name, value in options.items() if name in _ANSWERED}
        return last.inplace_predict(_no_features(len(rows)), base_margin=sums, **asked)

    return trees, rounds, predict


def of_xgboost(learner: Mapping[str, Any], rounds: int) -> Trees:
    """The trees of a booster's first rounds, from the JSON that XGBoost writes of it.

    Raises:
        NotCompiledError: it has none, weighs them, tests categories, or has leaves of several values.
    """
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise NotCompiledError(f"it is of the kind {booster['name']}")
    model = booster["model"]
    if model["cats"]["enc"]:
        raise NotCompiledError("its columns hold categories")
    number = model["iteration_indptr"][rounds]
    trees = model["trees"][:number]
    if not trees:
        raise NotCompiledError("it has no trees")
    if any(each["categories_nodes"] for each in trees):
        raise NotCompiledError("its trees test categories")
    if any(int(each["tree_param"]["size_leaf_vector"]) > 1 for each in trees):
        raise NotCompiledError("its leaves have a value for each outcome")
    return _of(trees, np.array(model["tree_info"][:number]))


def _of(trees: Sequence[Mapping[str, Any]], output: Numbers) -> Trees:
    tree, first = numbered([len(each["left_children"]) for each in trees])
    left, right, feature = (
        _all(trees, name) for name in ("left_children", "right_children", "split_indices")
    )
    kept, inner = feature != _DELETED, left >= 0
    place = np.cumsum(kept) - 1
    left, right = (np.where(inner, place[side + first[tree]], -1) for side in (left, right))
    # A leaf's value stands where other nodes have their threshold.
    number = _all(trees, "split_conditions", np.float64).astype(np.float32)
    # Less than the threshold goes left: at most the number before it.
    threshold = np.nextafter(number, np.float32(-np.inf)).astype(np.float64)
    return Trees(
        left=left[kept],
        right=right[kept],
        feature=np.where(inner, feature, 0)[kept],
        threshold=threshold[kept],
        kind=np.where(_all(trees, "default_left") == 1, LEFT, RIGHT)[kept],
        value=np.where(inner, 0.0, number)[kept, None],
        tree=tree[kept],
        output=output,
        sets=np.empty((0, WORDS), np.uint32),
        categories=np.empty(0, np.int64),
    )


def without_trees(booster: Any) -> Any:
    """The same booster with no trees: what it makes of sums that it is given as a margin is XGBoost's own last step.

    So the link of every objective is XGBoost's, by the C library that it calls itself.
    """
    content = json.loads(booster[:1].save_raw("json"))
    learner = content["learner"]
    model = learner["gradient_booster"]["model"]
    model.update(trees=[], tree_info=[], iteration_indptr=[0])
    model["gbtree_model_param"]["num_trees"] = "0"
    # Else it would take the base score for a guess from before its training, and not for what the link makes of it.
    learner["learner_model_param"].update(num_feature="1", boost_from_average="0")
    learner.update(attributes={}, feature_names=[], feature_types=[])
    bare = type(booster)()
    bare.load_model(bytearray(json.dumps(content).encode()))
    bare.set_param({"nthread": 1})
    return bare


def plain_rows(data: Any, features: int, names: Sequence[str] | None) -> Numbers | None:
    """The numbers of a frame or an array in float32, as XGBoost takes them.

    None where it has more to do with them, or they are few.
    """
    if isinstance(data, pd.DataFrame):
        if names is not None and list(data.columns) != list(names):
            return None
        plain = all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in data.dtypes)
    else:
        plain = isinstance(data, np.ndarray) and data.dtype in (np.float64, np.float32) and data.ndim == 2
    if not plain or len(data) < FEW or data.shape[1] != features:
        return None
    with np.errstate(
        over="ignore"
    ):  # each column by itself: by way of another dtype it would be rounded twice
        rows: Numbers = (
            data.to_numpy(np.float32) if isinstance(data, pd.DataFrame) else data.astype(np.float32)
        )
    return rows


def _takes_rows_alone(options: Mapping[str, Any]) -> bool:
    """Whether a call gives rows in which NaN alone is missing, and no margin of its own to begin at."""
    return options.get("base_margin") is None and math.isnan(options.get("missing", math.nan))


def _no_features(rows: int) -> Numbers:
    """Rows for a booster that tests none of their features."""
    return np.zeros((rows, 1), np.float32)


def _all(trees: Sequence[Mapping[str, Any]], name: str, dtype: Any = np.int64) -> Numbers:
    return np.concatenate([np.array(each[name], dtype) for each in trees])
