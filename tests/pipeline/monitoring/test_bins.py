"""pipeline/monitoring/bins.py: bins are made of what training saw."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.contract.contract import Column
from pipeline.monitoring.bins import Bins, as_json, for_column, from_json
from pipeline.monitoring.profile import Profile


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column("x", "number", "float64", False), pa.array([1.0, 1.0]), Bins("x", "edges", edges=(1.0,))),
        (Column("x", "number", "float64", True), pa.nulls(3, pa.float64()), Bins("x", "presence")),
        (Column("x", "boolean", "bool", False), pa.array([True]), Bins("x", "values", values=("false", "true"))),
        (Column("x", "timestamp", "datetime64[us]", False), pa.array([1], pa.timestamp("us")), Bins("x", "presence")),
        (Column("x", "text", "str", False), pa.array(["free"]), Bins("x", "presence")),
        (
            Column("x", "text", "str", True, categories=("a", "b")),
            pa.array(["b", None, "a"]),
            Bins("x", "values", values=("a", "b")),
        ),
    ],
)  # fmt: skip
def test_bins_are_made_of_what_training_saw(column: Column, values: pa.Array, expected: Bins) -> None:
    made = for_column(column, values)
    assert made == expected == from_json(as_json(made))
    assert Profile.of({"x": made}, {"x": values}).rows == len(values)
    counted = np.bincount(made.places(values), minlength=len(made.labels))
    assert counted.tolist() == made.count(values)[0].tolist()
