"""pipeline/exports/columns.py: every column has a name of its own."""

import pyarrow as pa
import pytest

from pipeline.exports import columns
from pipeline.exports.columns import ExportError


def test_a_slice_named_as_a_column_of_ours_gets_another_name() -> None:
    schema = columns.schema(["Label", "x"], ["a", "A"])
    assert schema.names[5:9] == ["Label_", "x", "probability_a", "probability_A_"]


def test_a_class_that_a_runs_model_has_not_is_empty() -> None:
    run = {"run_id": 1, "score_date": "2024-03-01", "classes": ["b", "a"]}
    scores = pa.array([[0.25, 0.75], [1.0, 0.0]])
    shares = columns.probabilities(run, scores, ["a", "b", "c"])
    assert [column.to_pylist() for column in shares] == [[0.75, 0.0], [0.25, 1.0], [None, None]]
    without = run | {"classes": None}
    assert columns.probabilities(without, pa.nulls(2, pa.list_(pa.float64())), ["a"])[0].null_count == 2
    with pytest.raises(ExportError, match="run 1 of 2024-03-01 has probabilities of classes without a name"):
        columns.probabilities(without, scores, ["a"])
