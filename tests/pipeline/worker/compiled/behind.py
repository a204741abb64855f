"""Trees behind encoders and imputers, trained on rows of a column of each kind."""

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from pipeline.worker import frames
from pipeline.worker.models import Column

COLUMNS = [
    Column("color", "str", None, False),
    Column("size", "category", ("s", "m", "l"), True),
    Column("free", "object", None, False),
    Column("count", "int32", None, False),
    Column("whole", "int64", None, False),
    Column("member", "bool", None, False),
    Column("small", "float32", None, False),
    Column("amount", "float64", None, False),
]
TYPES = {
    "color": pa.string(),
    "size": pa.string(),
    "free": pa.string(),
    "count": pa.int32(),
    "whole": pa.int64(),
    "member": pa.bool_(),
    "small": pa.float32(),
    "amount": pa.float64(),
}
SCHEMA = pa.schema(list(TYPES.items()))
KNOWN: dict[str, list[Any]] = {
    "color": ["red", "green", "", None],
    "size": ["s", "m", "l", None],
    "free": ["x", "y", None],
    "count": [0, 1, 7],
    "whole": [-5, 2**53 + 1],
    "member": [True, False],
    "small": [0.5, -1.25, None],
    "amount": [0.1, -7.0, 12.5, None],
}


def batch(number: int = 300) -> pa.RecordBatch:
    """Rows of values that training has seen."""
    random = np.random.default_rng(8)
    drawn = {
        name: [values[place] for place in random.integers(0, len(values), number)]
        for name, values in KNOWN.items()
    }
    return pa.RecordBatch.from_pydict(drawn, SCHEMA)


def ordinal(**settings: Any) -> OrdinalEncoder:
    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, **settings
    )


def boosting(**settings: Any) -> Any:
    return HistGradientBoostingClassifier(max_iter=9, min_samples_leaf=5, **settings)


def behind(*steps: Any, last: Any = None) -> Any:
    """Trees behind other steps, trained on `batch`."""
    columns = make_column_transformer(*steps, remainder="passthrough")
    return trained(make_pipeline(columns, boosting() if last is None else last))


def trained(estimator: Any) -> Any:
    frame = frames.frame(batch(), COLUMNS)
    outcome = frame["count"] + frame["amount"].fillna(1) + frame["color"].eq("red") > 2
    return estimator.fit(frame, outcome)
