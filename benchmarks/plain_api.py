"""The API that a team writes first: FastAPI that calls the model once for each request, and checks types alone."""

import os
from datetime import datetime
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

from pipeline.config import workspace
from pipeline.model import registry

_KINDS: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "text": str}

app = FastAPI()
_pinned = registry.resolve(workspace.home(), os.environ["PLAIN_MODEL"], "champion")
_model = joblib.load(_pinned.folder / "model.joblib")
_columns = _pinned.manifest.columns
_dtypes = {column.name: column.dtype for column in _columns}
_fields: dict[str, Any] = {
    column.name: (_KINDS.get(column.kind, datetime) | None, None) for column in _columns
}
Row = create_model("Row", entity_id=(str, ...), **_fields)


@app.post("/score")
def score(row: Row) -> dict[str, Any]:  # type: ignore[valid-type]
    """The score of one row."""
    values = row.model_dump()  # type: ignore[attr-defined]
    frame = pd.DataFrame([values])[list(_dtypes)].astype(_dtypes)
    return {"entity_id": values["entity_id"], "score": float(_model.predict_proba(frame)[0, 1])}
