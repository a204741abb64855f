"""The end of a file's name says its format, and a library that is missing is named with its remedy."""

import sys

import pytest

from pipeline.worker.formats import reading
from pipeline.worker.formats.native import Format, FormatError, Settings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.joblib", "joblib"),
        ("model.pkl", "joblib"),
        ("model", "joblib"),
        ("Model.SKOPS", "skops"),
        ("a.b.onnx", "onnx"),
        ("model.cbm", "catboost"),
        ("model.json", "xgboost"),
        ("model.ubj", "xgboost"),
        ("model.txt", "lightgbm"),
    ],
)
def test_the_end_of_a_name_says_the_format(name: str, expected: str) -> None:
    assert reading.format_of(name) == expected


@pytest.mark.parametrize(
    ("kind", "library"),
    [
        ("skops", "skops"),
        ("lightgbm", "lightgbm"),
        ("xgboost", "xgboost"),
        ("catboost", "catboost"),
        ("onnx", "onnxruntime"),
    ],
)
def test_a_library_that_is_missing_is_named(
    kind: Format, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    content = b"tree\nobjective=binary\ntree_sizes=9\n\nTree=0\nx\nend of trees\n"
    with pytest.raises(
        FormatError,
        match=rf"format {kind} needs {library}, which is not installed.*pip install 'nightly-scoring\[{kind}\]'",
    ):
        reading.read(content, Settings(kind))
