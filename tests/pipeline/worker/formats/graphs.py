"""The graphs in onnx/, as skl2onnx 1.20 writes them: `python -m tests.pipeline.worker.formats.graphs` does so again.

They are kept, since writing one needs two packages more than reading it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.pipeline.worker.formats.files import rows

FOLDER = Path(__file__).parent / "onnx"
MATRIX, NAMED = ["visits", "paid"], ["visits", "channel"]
CLASSES = np.array(["none", "some", "much"])


def frame(number: int = 400) -> Any:
    """Rows with a number that has no gap, and text."""
    made = rows(number)
    return made.assign(paid=made["amount"].fillna(0), channel=made["channel"].astype(str).astype(object))


def classifier() -> Any:
    """Of all columns at once, with whole numbers for classes."""
    return LogisticRegression().fit(frame()[MATRIX].to_numpy(np.float32), frame()["bought"])


def regressor() -> Any:
    """Of all columns at once."""
    return LinearRegression().fit(frame()[MATRIX].to_numpy(np.float32), frame()["spent"])


def named() -> Any:
    """Of each column by its name, text among them, with words for three classes."""
    encode = make_column_transformer((OneHotEncoder(), ["channel"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(
        frame()[NAMED], CLASSES[frame()["basket"]]
    )


def main() -> None:
    """Write the graphs."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    FOLDER.mkdir(exist_ok=True)
    matrix = [("rows", FloatTensorType([None, 2]))]
    columns = [("visits", Int64TensorType([None, 1])), ("channel", StringTensorType([None, 1]))]
    for name, estimator, inputs, options in (
        ("classifier", classifier(), matrix, {"zipmap": False}),
        ("zipmap", classifier(), matrix, {}),
        ("regressor", regressor(), matrix, None),
        ("named", named(), columns, {"zipmap": False}),
    ):
        graph = to_onnx(estimator, initial_types=inputs, options=options, target_opset=17)
        (FOLDER / f"{name}.onnx").write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    main()
