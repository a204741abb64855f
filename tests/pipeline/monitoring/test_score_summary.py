"""pipeline/monitoring/score_summary.py: the spread of scores is the same however their rows were batched."""

from math import isclose

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.monitoring.score_summary import ScoreSummary
from pipeline.store.schemas import SCORE_SCHEMA


def batch(scores: list[float], labels: list[str | None]) -> pa.RecordBatch:
    """Scored rows."""
    entities = [str(number) for number in range(len(scores))]
    rows = [entities, scores, labels, [None] * len(scores)]
    columns = [pa.array(values, field.type) for values, field in zip(rows, SCORE_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=SCORE_SCHEMA)


rows = st.tuples(
    st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from(["yes", "no", "a label of spaces", None])
)


@given(batches=st.lists(st.lists(rows, max_size=20), max_size=10))
def test_a_summary_of_batches_equals_one_pass(batches: list[list[tuple[float, str | None]]]) -> None:
    summary = ScoreSummary()
    for one in batches:
        summary.add(batch([score for score, _ in one], [label for _, label in one]))
    together = [row for one in batches for row in one]
    scores = np.array([score for score, _ in together])
    metrics = summary.metrics()
    assert summary.rows == len(together)
    if not together:
        assert metrics == {}
        return
    assert (metrics["score_min"], metrics["score_max"]) == (scores.min(), scores.max())
    assert isclose(metrics["score_mean"], scores.mean(), rel_tol=1e-9, abs_tol=1e-6)
    assert isclose(metrics["score_std"], scores.std(), rel_tol=1e-6, abs_tol=1e-6)
    labels = [label for _, label in together if label is not None]
    shares = {f"label_share:{label}": labels.count(label) / len(together) for label in labels}
    assert {name: value for name, value in metrics.items() if name.startswith("label_share")} == shares


def test_the_variance_of_large_scores_close_together_is_kept() -> None:
    summary = ScoreSummary()
    for start in range(0, 1000, 10):
        summary.add(batch([1e9 + number % 2 for number in range(start, start + 10)], [None] * 10))
    assert isclose(summary.metrics()["score_std"], 0.5)
