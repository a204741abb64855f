"""The columns of the files that tasks hand to one another."""

import pyarrow as pa

SCORE_SCHEMA = pa.schema(
    {
        "entity_id": pa.string(),
        "score": pa.float64(),
        "label": pa.string(),
        "class_scores": pa.list_(pa.float64()),
    }
)
