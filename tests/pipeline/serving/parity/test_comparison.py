"""pipeline/serving/parity/comparison.py: every bit counts, and the digests are equal where, and only where, all are."""

from typing import Any

import pyarrow as pa
import pytest

from pipeline.serving.parity.comparison import Comparison
from pipeline.store.schemas import SCORE_SCHEMA

ROWS: list[dict[str, Any]] = [
    {"entity_id": "b", "score": 0.1, "label": "x", "class_scores": [0.1, 0.2, 0.7]},
    {"entity_id": "a", "score": -0.0, "label": None, "class_scores": None},
]
NULL = {"rejected": [{"column_name": "x", "rule": "null", "value": None}]}


def compared(
    answers: list[dict[str, Any]], *rejected: tuple[str | None, str, str]
) -> tuple[Comparison, bool]:
    comparison = Comparison()
    comparison.published.update(rejected)
    comparison.scores(0, pa.Table.from_pylist(ROWS, SCORE_SCHEMA), answers)
    then, now = comparison.end()
    return comparison, then == now


def test_the_same_in_whatever_order_is_the_same() -> None:
    comparison, same = compared([*ROWS[::-1], {"entity_id": "c", **NULL}], ("c", "x", "null"))
    assert (comparison.differing, comparison.rows, same) == (0, 2, True)


@pytest.mark.parametrize(
    ("answers", "difference", "rounded"),
    [
        ([ROWS[0], {**ROWS[1], "score": 0.0}], ("a", "score", -0.0, 0.0), 1),
        ([{**ROWS[0], "score": 0.10000000000000002}, ROWS[1]], ("b", "score", 0.1, 0.10000000000000002), 1),
        ([{**ROWS[0], "score": 0.2}, ROWS[1]], ("b", "score", 0.1, 0.2), 0),
        ([{**ROWS[0], "label": "y"}, ROWS[1]], ("b", "label", "x", "y"), 0),
        ([ROWS[0]], ("a", "entity_id", -0.0, None), 0),
        ([*ROWS, {**ROWS[0], "entity_id": "c"}], ("c", "entity_id", None, 0.1), 0),
        ([*ROWS, {"entity_id": None, **NULL}], ("None", "x null", None, "rejected"), 0),
    ],
)
def test_whatever_differs_is_named(answers: list[dict[str, Any]], difference: Any, rounded: int) -> None:
    comparison, same = compared(answers)
    [named] = comparison.differences
    assert (named.entity_id, named.column, named.then, named.now) == difference
    assert (comparison.differing, comparison.rounded, same) == (1, rounded, False)
