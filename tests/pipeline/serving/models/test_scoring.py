"""pipeline/serving/models/scoring.py: a row on which the model fails harms its own answer alone."""

from typing import Any

import pytest

from pipeline.serving.models import scoring
from tests.pipeline.serving.models.brittle import Brittle, batch, model


def of(line: dict[str, Any]) -> Any:
    return line["score"] if "score" in line else line["rejected"][0]["value"]


@pytest.mark.parametrize("good", [0, 1, 5])
def test_each_row_gets_its_score_or_its_reason(good: int) -> None:
    visits = [3] * good + [99, 6, 55, 77, 9]
    lines = scoring.score(model(Brittle()), batch(*visits), keep_values=True)
    reasons = ["IndexError: visits beyond 99.0", 2.0, "the model gave no usable score", 77 / 3, 3.0]
    assert [of(line) for line in lines] == [1.0] * good + reasons
    assert lines[good]["rejected"][0]["column_name"] == "(model)"
    assert lines[good]["rejected"][0]["rule"] == "model_error"


def test_a_single_row_is_no_other() -> None:
    assert (
        of(scoring.score(model(Brittle()), batch(55), keep_values=True)[0])
        == "the model gave no usable score"
    )
    assert of(scoring.score(model(Brittle()), batch(77), keep_values=True)[0]) == 77 / 3
    assert of(scoring.score(model(Brittle()), batch(99), keep_values=False)[0]) == "IndexError"
