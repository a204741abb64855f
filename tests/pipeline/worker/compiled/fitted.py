"""Estimators of each kind that can be compiled, with rows that have what is missing and categories."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import ensemble
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from threadpoolctl import threadpool_limits

from pipeline.registration.compiled import build
from pipeline.worker.compiled.library import Library
from pipeline.worker.models import Column

HGBC, HGBR = ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor
needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C compiler is installed")


@cache
def rows(number: int = 600) -> pd.DataFrame:
    """Numbers, some of which are missing, and a column of categories, some of which are missing, too."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(number, 4)), columns=list("abcd"))
    frame["b"] = frame["b"].where(random.random(number) > 0.2)
    frame["c"] = frame["c"].round()
    kind = pd.Series(random.choice(list("uvwxyz"), number)).where(random.random(number) > 0.1)
    frame["kind"] = pd.Categorical(kind)
    return frame


COLUMNS = [
    *(Column(name, "float64", None, False) for name in "abcd"),
    Column("kind", "category", tuple("uvwxyz"), False),
]


def batch(frame: pd.DataFrame) -> pa.RecordBatch:
    """Rows as a task sends them."""
    schema = pa.schema([*((name, pa.float64()) for name in "abcd"), ("kind", pa.string())])
    return pa.RecordBatch.from_pandas(frame.astype({"kind": "str"}), schema, preserve_index=False)


def outcome(classes: int) -> Any:
    """A class, or a number where there are none, that depends on the rows."""
    frame = rows()
    value = frame["a"] + frame["b"].fillna(1) * frame["c"] + (frame["kind"].cat.codes % 3)
    return pd.qcut(value, classes, labels=False).to_numpy() if classes else np.exp(value.to_numpy() / 4)


def numbers() -> Any:
    """What forests take: the kind as a number, and no category."""
    return make_column_transformer(
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
            ["kind"],
        ),
        remainder="passthrough",
    )


def boosting(kind: Any, **settings: Any) -> Any:
    """Histogram gradient boosting that takes the categories as they are."""
    return kind(max_iter=12, min_samples_leaf=5, categorical_features="from_dtype", **settings)


def forest(kind: Any, **settings: Any) -> Any:
    """A forest behind an encoder."""
    return make_pipeline(numbers(), kind(8, random_state=1, **settings))


KINDS: dict[str, tuple[Callable[[], Any], int]] = {
    "binary": (lambda: boosting(HGBC), 2),
    "multiclass": (lambda: boosting(HGBC), 4),
    "large trees": (lambda: boosting(HGBC, max_leaf_nodes=None), 2),
    "constraints": (lambda: boosting(HGBC, monotonic_cst={"a": 1}, interaction_cst="pairwise"), 2),
    "ordinal": (
        lambda: make_pipeline(numbers(), HGBC(max_iter=9, categorical_features=[0])),
        3,
    ),
    "values": (lambda: boosting(HGBR), 0),
    "poisson": (lambda: boosting(HGBR, loss="poisson"), 0),
    "random forest": (lambda: forest(ensemble.RandomForestClassifier), 3),
    "small forest": (lambda: forest(ensemble.RandomForestClassifier, max_depth=3), 2),
    "forest of values": (lambda: forest(ensemble.RandomForestRegressor), 0),
    "extra trees": (lambda: forest(ensemble.ExtraTreesClassifier), 3),
    "extra values": (lambda: forest(ensemble.ExtraTreesRegressor, max_depth=7), 0),
    "calibrated": (lambda: CalibratedClassifierCV(boosting(HGBC), cv=2), 2),
    "sparse": (
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind", "c"])),
            ensemble.RandomForestClassifier(5, random_state=0),
        ),
        2,
    ),
}


@cache
def _trained(name: str) -> Any:
    make, classes = KINDS[name]
    with threadpool_limits(1):  # more threads than processors that are free wait for one another
        return make().fit(rows(), outcome(classes))


def fitted(name: str) -> Any:
    """An estimator of a kind, trained on `rows`: one of its own, for it is changed while it is compiled."""
    return copy.deepcopy(_trained(name))


def path(folder: Path) -> str:
    """The compiled library, as a file in a folder."""
    target = folder / "predictor.so"
    target.write_bytes(build.library())
    return str(target)


def library(folder: Path) -> Library:
    """The same, loaded."""
    return Library(path(folder))
