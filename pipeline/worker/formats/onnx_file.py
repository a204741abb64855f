"""A model in ONNX, by onnxruntime: a graph of numbers, computed on the caller's thread."""

import os
from typing import Any

import numpy as np
import pandas as pd

from pipeline.worker.formats.native import FormatError, Native, Settings, Values, class_names

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_LABELS = ("tensor(int64)", "tensor(string)")


class Onnx(Native):
    """A graph that takes all columns at once or each by its name, and gives values, or probabilities and a label."""

    likeliest = False  # its label is an output of its own

    def __init__(self, content: bytes, settings: Settings) -> None:
        self._content, self._settings = content, settings
        self._session = _session(content)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        for each in inputs:
            if each.type not in _DTYPES:
                raise FormatError(
                    f"its input {each.name!r} is {each.type}: a table gives {', '.join(_DTYPES)}."
                )
        labels = [each for each in outputs if each.type in _LABELS and len(outputs) > 1]
        values = [each for each in outputs if each not in labels]
        if len(values) != 1 or len(labels) > 1 or not values[0].type.startswith("tensor("):
            kinds = ", ".join(f"{each.name}: {each.type}" for each in outputs)
            raise FormatError(
                f"its outputs are {kinds}: one tensor of values is needed, or one of probabilities and a label. "
                'Convert a scikit-learn model with options={"zipmap": False}.'
            )
        self._output, self._label = values[0].name, labels[0].name if labels else None
        wide = values[0].shape[1] if len(values[0].shape) == 2 else 1
        classifies = bool(labels) or (isinstance(wide, int) and wide > 1)
        number = max(wide, 2) if isinstance(wide, int) else len(settings.classes) or 2
        classes = class_names(settings.classes, number) if classifies else []
        super().__init__(classes, [each.name for each in inputs] if len(inputs) > 1 else None)

    def predict(self, frame: pd.DataFrame) -> Values:
        """Labels as the graph gives them; without such an output those of the likeliest classes."""
        if self._label is None:
            return super().predict(frame)
        labels = np.asarray(self._run(self._label, frame)).ravel().tolist()
        numbered = all(name.isdecimal() for name in self.classes_)
        return np.asarray(
            [str(each) if numbered or isinstance(each, str) else self.classes_[each] for each in labels],
            object,
        )

    def _values(self, frame: pd.DataFrame) -> Values:
        values = np.asarray(self._run(self._output, frame))
        return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values

    def _run(self, output: str, frame: pd.DataFrame) -> Any:
        inputs = self._session.get_inputs()
        if self.feature_names_in_ is None:
            feed = {inputs[0].name: _array(frame, inputs[0].type)}
        else:
            feed = {each.name: _array(frame[[each.name]], each.type, len(each.shape)) for each in inputs}
        return self._session.run([output], feed)[0]

    def __getstate__(self) -> dict[str, Any]:
        """What makes it again: a session itself cannot be kept."""
        return {"content": self._content, "settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["content"], state["settings"])  # type: ignore[misc]


def _session(content: bytes) -> Any:
    os.environ["ORT_DISABLE_TELEMETRY"] = (
        "1"  # it would tell its maker of each process, by a number of this machine
    )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _array(frame: pd.DataFrame, kind: str, rank: int = 2) -> Values:
    if kind == "tensor(string)":
        if frame.isna().to_numpy().any():
            raise ValueError("a text is missing, and ONNX has none that is")
        values = frame.astype(str).to_numpy(np.object_)
    else:
        values = frame.to_numpy(_DTYPES[kind])
    return values.ravel() if rank == 1 else values
