"""A model of a library's own file is asked as scikit-learn's estimators are."""

import numpy as np
import pandas as pd
import pytest

from pipeline.worker.formats.native import FormatError, Native, Values, class_names, named


class Halves(Native):
    def _values(self, frame: pd.DataFrame) -> Values:
        return frame["x"].to_numpy()


def test_one_probability_is_the_second_classs_and_a_tie_the_firsts() -> None:
    model = Halves(["no", "yes"], None)
    frame = pd.DataFrame({"x": [0.2, 0.5, 0.9]})
    np.testing.assert_allclose(model.predict_proba(frame), [[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    assert model.predict(frame).tolist() == ["no", "no", "yes"]
    assert Halves([], None).predict(frame).tolist() == [0.2, 0.5, 0.9]


def test_classes_are_numbered_where_nobody_names_them() -> None:
    assert class_names([], 3) == ["0", "1", "2"]
    assert class_names(["a", "b"], 2) == ["a", "b"]
    with pytest.raises(FormatError, match="the model has 3 classes, and 1 were named: a. Name each"):
        class_names(["a"], 3)


def test_names_that_a_library_made_up_are_none() -> None:
    assert named(["Column_0", "Column_1"], "Column_{}") is None
    assert named(["Column_0", "visits"], "Column_{}") == ["Column_0", "visits"]
