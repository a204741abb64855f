"""What is compiled gives the estimator's bits, whatever the row; and where it does not, the estimator scores."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from pipeline.worker.compiled import predictor, seams
from pipeline.worker.compiled.library import Adder, Library
from pipeline.worker.compiled.predictor import BATCH, ROUNDS, Predictor
from pipeline.worker.compiled.trees import Numbers
from pipeline.worker.estimators import Answer
from pipeline.worker.models import Column
from tests.pipeline.worker.compiled.fitted import COLUMNS, KINDS, batch, fitted, needs_compiler, path, rows

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in a model's process: more threads than processors that are free wait for one another."""
    with threadpool_limits(1):
        yield


def opened(name: str, folder: Path) -> Predictor:
    regression = KINDS[name][1] == 0
    return Predictor(fitted(name), COLUMNS, path(folder), regression=regression, labels=not regression)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_estimator_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    opening = opened(name, tmp_path)
    assert opening.refusal == ""
    proof = opening.prove(batch(rows()), 20_000)
    assert proof.rows >= 20_600
    assert proof.differing == 0


def test_what_is_compiled_is_what_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening, calls, add = opened("binary", tmp_path), [], Adder.add

    def counted(self: Adder, rows: Numbers, sums: Numbers) -> None:
        calls.append(len(rows))
        add(self, rows, sums)

    monkeypatch.setattr(Adder, "add", counted)
    opening.answer(batch(rows()))
    assert 600 in calls


def one_bit_off(self: Adder, rows: Numbers, sums: Numbers) -> None:
    """Give the last row a sum that differs in its last bit."""
    _ADD(self, rows, sums)
    if len(sums):
        sums[-1] = np.nextafter(sums[-1], np.inf)


_ADD = Adder.add


def test_one_bit_in_one_row_of_a_sample_has_the_estimator_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Adder, "add", one_bit_off)
    opening = opened("values", tmp_path)
    assert opening.refusal.endswith("rows made to hurt get other bits than by HistGradientBoostingRegressor")
    monkeypatch.setattr(Adder, "add", None)  # nobody asks it any more
    assert len(opening.answer(batch(rows())).values) == 600


def test_one_bit_in_golden_rows_has_the_estimator_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, golden = opened("values", tmp_path), batch(rows().head(8))
    expected = opening.compare(golden)
    assert opening.refusal == ""
    monkeypatch.setattr(Adder, "add", one_bit_off)
    again = opening.compare(golden)
    assert opening.refusal == "1 of 8 golden rows get other bits than by the estimator"
    assert again.values.tobytes() == expected.values.tobytes() == opening.answer(golden).values.tobytes()


def test_a_proof_counts_the_rows_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = opened("values", tmp_path)
    monkeypatch.setattr(Adder, "add", one_bit_off)
    assert opening.prove(batch(rows()), 100).differing >= 2


def test_a_proof_times_both_by_turns_on_a_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, asked = opened("values", tmp_path), []

    def noted(name: str, answer: Callable[..., Answer]) -> Callable[..., Answer]:
        def note(_: Predictor, rows: pa.RecordBatch) -> Answer:
            asked.append((name, rows.num_rows, "_predict_iterations" in vars(opening._seams[0].estimator)))
            return answer(opening, rows)

        return note

    monkeypatch.setattr(opening, "_direct", None)
    for name in ("answer", "_by_frame"):
        monkeypatch.setattr(Predictor, name, noted(name, getattr(Predictor, name)))
    proof = opening.prove(batch(rows()), 100)
    by_turns = [("_by_frame", BATCH, False), ("answer", BATCH, True), ("_by_frame", BATCH, True)]
    assert [each for each in asked if each[1] == BATCH] == by_turns * ROUNDS
    assert proof.own_seconds > 0 < proof.seconds


def test_a_model_of_another_kind_scores_by_itself(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(9.0)})
    line = LinearRegression().fit(frame, frame["x"])
    opening = Predictor(
        line, [Column("x", "float64", None, False)], path(tmp_path), regression=True, labels=False
    )
    assert opening.refusal == "the model has no estimator that can be compiled"
    assert np.allclose(opening.answer(pa.RecordBatch.from_pandas(frame)).values, frame["x"])


def test_a_file_that_cannot_be_loaded_has_the_estimator_score(tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    opening = Predictor(fitted("values"), COLUMNS, str(broken), regression=True, labels=False)
    assert opening.refusal.startswith("it cannot be used here: OSError: ")
    assert len(opening.answer(batch(rows())).values) == 600


def test_a_scikit_learn_that_keeps_its_trees_otherwise_has_the_estimator_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(estimator: Any, library: Library) -> Any:
        raise AttributeError("_predictors")

    monkeypatch.setitem(seams._KINDS, seams._kind(fitted("values")), moved)
    assert opened("values", tmp_path).refusal == "it cannot be used here: AttributeError: _predictors"


def test_without_a_file_there_is_none() -> None:
    assert Predictor(fitted("values"), COLUMNS, "", regression=True, labels=False).refusal == "there is none"


def test_answers_are_compared_by_their_bits() -> None:
    plain, other = (Answer(np.array([0.0, np.nan])) for _ in range(2))
    assert predictor.differing(plain, other) == 0
    assert predictor.differing(plain, Answer(np.array([-0.0, np.nan]))) == 1
    assert predictor.differing(plain, Answer(np.zeros((2, 2)))) == 2
    labelled = Answer(plain.values, np.array([0, 1]))
    assert predictor.differing(labelled, Answer(plain.values, np.array([0, 0]))) == 2
