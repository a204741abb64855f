"""pipeline/serving/models/scoring.py: a row on which the model fails harms its own answer alone, at a bounded cost."""

from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from pipeline.model.loaded_model import Model
from pipeline.serving.models import scoring
from pipeline.serving.models.scoring import Line, Search, UnusableError
from tests.pipeline.serving.models.brittle import Brittle, batch, model


class Counted(Brittle):
    """Counts how often it is asked."""

    calls = 0

    def predict(self, frame: Any) -> Any:
        """Once more."""
        self.calls += 1
        return super().predict(frame)


def of(line: dict[str, Any]) -> Any:
    return line["score"] if "score" in line else line["rejected"][0]["value"]


def lines_of(loaded: Model, rows: pa.RecordBatch, *, keep_values: bool = True) -> list[Line]:
    """The answers to rows, as in one turn after the other."""
    score = partial(scoring.score, loaded)
    try:
        return score(rows)
    except Exception as error:  # noqa: BLE001 - the model may raise anything
        turns = Search(score).rows(rows, error, keep_values=keep_values)
    while True:
        try:
            next(turns)
        except StopIteration as end:
            lines: list[Line] = end.value
            return lines


@pytest.mark.parametrize("good", [0, 1, 5])
def test_each_row_gets_its_score_or_its_reason(good: int) -> None:
    visits = [3] * good + [99, 6, 55, 77, 9]
    lines = lines_of(model(Brittle()), batch(*visits))
    reasons = ["IndexError: visits beyond 99.0", 2.0, "the model gave no usable score", 77 / 3, 3.0]
    assert [of(line) for line in lines] == [1.0] * good + reasons
    assert lines[good]["rejected"][0]["column_name"] == "(model)"
    assert lines[good]["rejected"][0]["rule"] == "model_error"


def test_a_single_row_is_no_other() -> None:
    assert of(lines_of(model(Brittle()), batch(55))[0]) == "the model gave no usable score"
    assert of(lines_of(model(Brittle()), batch(77))[0]) == 77 / 3
    assert of(lines_of(model(Brittle()), batch(99), keep_values=False)[0]) == "IndexError"
    assert scoring.score(model(Brittle()), batch()) == []


@pytest.mark.parametrize("bad", [99, 55, 77])
def test_a_thousand_rows_on_which_the_model_fails_cost_a_bounded_number_of_calls(bad: int) -> None:
    counted = Counted()
    lines = lines_of(model(counted), batch(*[bad] * 1000))
    assert counted.calls <= scoring.MOST_CALLS + 3
    reasons = {of(line) if "rejected" in line else "a score" for line in lines}
    untried = "not tried: the model fails on too many rows that came with it. Send fewer at a time."
    assert untried in reasons
    assert len(reasons) <= 2


def test_a_dozen_bad_rows_among_a_thousand_are_found() -> None:
    visits = [3] * 1000
    for place in range(0, 1000, 90):
        visits[place] = 99
    lines = lines_of(model(Brittle()), batch(*visits))
    assert [of(line) for line in lines] == [
        1.0 if each == 3 else "IndexError: visits beyond 99.0" for each in visits
    ]


def test_answers_that_no_run_could_use_are_not_looked_into() -> None:
    class Two(Brittle):
        def predict(self, frame: Any) -> Any:
            return [[1.0, 2.0]] * len(frame)

    with pytest.raises(UnusableError, match="got scores of shape"):
        scoring.score(model(Two()), batch(1, 2))
