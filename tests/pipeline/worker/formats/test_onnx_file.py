"""An ONNX graph scores and labels as the estimator that it was made of, and one that no run can use is refused."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest

from pipeline.model.artifact import ModelError
from pipeline.worker.formats.native import Settings
from pipeline.worker.formats.onnx_file import Onnx
from tests.home import Home
from tests.pipeline.worker.formats import files, graphs

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that have what the graphs take."""
    monkeypatch.setattr(files, "rows", graphs.frame)


def test_a_classifier_of_all_columns_at_once(home: Home) -> None:
    model = files.registered(home, graphs.FOLDER / "classifier.onnx", graphs.MATRIX, "bought")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert (model.manifest.format, model.manifest.classes, model.manifest.labels) == (
        "onnx",
        ("0", "1"),
        "predict",
    )
    assert model.manifest.concurrent in (True, False)
    frame, estimator = graphs.frame(1000)[graphs.MATRIX], graphs.classifier()
    scores = model.score(frame)
    np.testing.assert_allclose(scores.score, estimator.predict_proba(frame.to_numpy())[:, 1], atol=1e-5)
    assert scores.label is not None
    assert scores.label.tolist() == estimator.predict(frame.to_numpy()).tolist()


def test_a_regressor(home: Home) -> None:
    model = files.registered(home, graphs.FOLDER / "regressor.onnx", graphs.MATRIX, "spent")
    frame = graphs.frame(1000)[graphs.MATRIX]
    np.testing.assert_allclose(
        model.score(frame).score, graphs.regressor().predict(frame.to_numpy()), rtol=1e-4
    )


def test_columns_by_their_names_and_classes_in_words(home: Home) -> None:
    file, estimator = graphs.FOLDER / "named.onnx", graphs.named()
    classes = estimator.classes_.tolist()
    with pytest.raises(ModelError, match="predicts 'much', which is none of its classes, 0, 1, 2. .*--class"):
        files.registered(home, file, graphs.NAMED, "basket")
    model = files.registered(home, file, graphs.NAMED, "basket", classes=classes)
    frame = graphs.frame(1000)[graphs.NAMED]
    scores = model.score(frame)
    assert scores.classes is not None
    np.testing.assert_allclose(scores.classes, estimator.predict_proba(frame), atol=1e-5)
    assert scores.label is not None
    assert [classes[place] for place in scores.label] == estimator.predict(frame).tolist()


def test_numbers_of_classes_may_be_given_words(home: Home) -> None:
    model = files.registered(
        home, graphs.FOLDER / "classifier.onnx", graphs.MATRIX, "bought", classes=["no", "yes"]
    )
    frame = graphs.frame(1000)[graphs.MATRIX]
    expected = graphs.classifier().predict(frame.to_numpy()).tolist()
    assert model.score(frame).label.tolist() == expected  # type: ignore[union-attr]
    assert model.manifest.classes == ("no", "yes")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            (graphs.FOLDER / "zipmap.onnx").read_bytes(),
            'Convert a scikit-learn model with options={"zipmap": False}',
        ),
        ((graphs.FOLDER / "classifier.onnx").read_bytes()[:200], "cannot be read as one of the format onnx"),
        (b"no graph", "cannot be read as one of the format onnx"),
    ],
)
def test_what_no_run_can_use_is_refused(home: Home, content: bytes, reason: str) -> None:
    (home.path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        files.registered(home, home.path / "model.onnx", graphs.MATRIX, "bought")


def test_a_graph_is_kept_and_made_again(tmp_path: Path) -> None:
    graph = Onnx((graphs.FOLDER / "classifier.onnx").read_bytes(), Settings("onnx"))
    joblib.dump(graph, tmp_path / "graph")
    frame = graphs.frame(10)[graphs.MATRIX]
    assert (
        joblib.load(tmp_path / "graph").predict_proba(frame).tolist() == graph.predict_proba(frame).tolist()
    )
    words = Onnx((graphs.FOLDER / "named.onnx").read_bytes(), Settings("onnx"))
    gap = graphs.frame(10)[graphs.NAMED].assign(channel=None)
    with pytest.raises(ValueError, match="a text is missing, and ONNX has none that is"):
        words.predict(gap)
