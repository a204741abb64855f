"""pipeline/model/failing.py: rows on which a model raises are found in few calls, and the others score without them."""

from collections.abc import Collection
from math import ceil, log2
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config.contract_section import ContractSection
from pipeline.config.sections import GateSection
from pipeline.model import failing
from pipeline.model.failing import Tolerance
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import PredictError, score_batch, tolerate
from tests.home import shop_rows
from tests.pipeline.shop import Shop


class Crowd:
    """A model whose scores depend on how many rows are scored together."""

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities."""
        scores = frame["visits"].to_numpy(dtype=np.float64) / (5000 + len(frame))
        return np.column_stack([1 - scores, scores])


class Picky(Crowd):
    """The same, which raises on some numbers of visits, and counts how often it is called."""

    def __init__(self, refused: Collection[int], error: BaseException | None = None) -> None:
        self.refused, self.error, self.calls = list(refused), error or RuntimeError("no such visits"), 0

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities, unless a row is refused."""
        self.calls += 1
        if frame["visits"].isin(self.refused).any():
            raise self.error
        return super().predict_proba(frame)


class Speechless(Exception):
    """An exception that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


def batch(pinned: PinnedVersion, rows: int) -> pa.RecordBatch:
    """Rows of the shop as a part has them; each has its own number of visits."""
    frame = shop_rows(rows).assign(visits=range(rows))
    return pa.RecordBatch.from_pandas(frame, schema=pinned.manifest.contract.schema, preserve_index=False)


@pytest.mark.parametrize("rows", [1, 2, 40, 1000])
def test_a_bad_row_costs_twice_the_logarithm_of_the_rows_in_calls(pinned: PinnedVersion, rows: int) -> None:
    data = batch(pinned, rows)
    for bad in {0, rows // 3, rows - 1}:
        picky = Picky([bad])
        scored = tolerate(Model(pinned.manifest, picky), data, Tolerance(1))
        assert [(failure.place, failure.entity) for failure in scored.failures] == [
            (bad, data.column("entity_id")[bad].as_py())
        ]
        # The batch, two halves a level, and the others once more.
        assert picky.calls <= 2 + 2 * ceil(log2(rows))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.integers(1, 90), data=st.data())
def test_exactly_the_bad_rows_fail_and_the_others_score_as_if_these_had_never_come(
    pinned: PinnedVersion, rows: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, rows - 1), max_size=rows))
    whole, picky = batch(pinned, rows), Picky(bad)
    scored = tolerate(Model(pinned.manifest, picky), whole, Tolerance(rows))
    assert [failure.place for failure in scored.failures] == sorted(bad)
    assert picky.calls <= 2 + 2 * len(bad) * max(1, ceil(log2(rows)))
    good = whole.filter(pa.array([place not in bad for place in range(rows)]))
    assert scored.rows == good
    assert scored.scores.num_rows == rows - len(bad)
    if good.num_rows:
        assert scored.scores.equals(score_batch(Model(pinned.manifest, Crowd()), good))


def test_a_model_that_raises_on_everything_is_given_up_after_few_calls(pinned: PinnedVersion) -> None:
    picky = Picky(range(4096), KeyError("gone"))
    with pytest.raises(
        PredictError, match=r"more than 5 rows of a part.*KeyError: 'gone'.*given up"
    ) as failed:
        tolerate(Model(pinned.manifest, picky), batch(pinned, 4096), Tolerance(5))
    assert picky.calls <= 1 + 2 * 6 * 12
    assert "customer-00000, customer-00001" in str(failed.value)
    assert isinstance(failed.value.__cause__, KeyError)


def test_rows_that_fail_only_together_fail_the_run(pinned: PinnedVersion) -> None:
    class Crowded:
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            if len(frame) > 3:
                raise RuntimeError("too many rows")
            return np.full((len(frame), 2), 0.5)

    with pytest.raises(PredictError, match="customer-00000 to customer-00003 taken together"):
        tolerate(Model(pinned.manifest, Crowded()), batch(pinned, 4), Tolerance(4))


def test_a_score_that_is_no_number_stays_a_failure(pinned: PinnedVersion) -> None:
    class Unsure(Picky):
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            scores = super().predict_proba(frame)
            scores[frame["visits"].to_numpy() == 7] = np.nan
            return scores

    model = Model(pinned.manifest, Unsure([3]))
    with pytest.raises(PredictError, match=r"1 rows got no usable score.*customer-00007"):
        tolerate(model, batch(pinned, 10), Tolerance(10))


@pytest.mark.parametrize("bad", [(3,), (7, 8)])
def test_without_a_tolerance_the_rows_are_named_and_nothing_is_scored(
    pinned: PinnedVersion, bad: tuple[int, ...]
) -> None:
    with pytest.raises(
        PredictError, match=f"failed on rows .*customer-0000{bad[-1]}: RuntimeError: no such visits"
    ):
        tolerate(Model(pinned.manifest, Picky(bad)), batch(pinned, 20), None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad\nrow\x1b[31m \u202e"), "ValueError: bad row\\u001b[31m \\u202e"),
        (ValueError("at https://ada:pa/ss@db.example/x"), "ValueError: at https://ada:pa/ss@db.example/x"),
        (ValueError("at https://ada:pass@db.example/x"), "ValueError: at https://[hidden]@db.example/x"),
        (KeyError("API_KEY=abc"), "KeyError: 'API_KEY=[hidden]"),
        (RuntimeError("DB_PASSWORD: abc then"), "RuntimeError: DB_PASSWORD: [hidden] then"),
        (RuntimeError("x" * 5000), "RuntimeError: " + "x" * 186),
        (RuntimeError(), "RuntimeError"),
        (Speechless(), "Speechless"),
    ],
)
def test_what_an_exception_says_is_short_and_shows_neither_control_characters_nor_credentials(
    pinned: PinnedVersion, error: Exception, said: str
) -> None:
    scored = tolerate(Model(pinned.manifest, Picky([1], error)), batch(pinned, 3), Tolerance(1))
    [row] = failing.reasons(scored.failures, 40, keep_values=True).to_pylist()
    assert row == {
        "row_number": 41,
        "entity_id": "customer-00001",
        "column_name": "(model)",
        "rule": "model_error",
        "value": said,
    }
    [row] = failing.reasons(scored.failures, 40, keep_values=False).to_pylist()
    assert row["value"] == type(error).__name__


@pytest.mark.parametrize(
    ("error", "said"),
    [
        # A command would end with 0, as if it had published.
        (SystemExit(0), "RuntimeError: SystemExit: 0. Correct"),
        (ValueError("x" * 10**6), f"ValueError: {'x' * 200}. Correct"),
        (ValueError("token=abc\x00"), r"ValueError: token=\[hidden\]. Correct"),
    ],
    ids=["exit", "long", "secret"],
)
def test_whatever_a_model_raises_is_a_failure_of_bounded_text(
    pinned: PinnedVersion, error: BaseException, said: str
) -> None:
    picky = Model(pinned.manifest, Picky([3], error))
    with pytest.raises(PredictError, match=f"failed on rows customer-00003: {said}"):
        tolerate(picky, batch(pinned, 8), None)
    assert [failure.place for failure in tolerate(picky, batch(pinned, 8), Tolerance(1)).failures] == [3]


@pytest.mark.parametrize(
    ("fraction", "rows", "tolerated"),
    [
        (0.05, 100_000, 5000),
        (0.05, 7, 1),
        (0.05, 39, 2),
        (0.07, 100, 7),
        (0.0, 100, 1),
        (1.0, 100, 50),
        (0.05, 10**7, 10_000),
    ],
)
def test_a_part_may_have_the_gates_share_of_bad_rows_and_one_at_least(
    shop: Shop, fraction: float, rows: int, tolerated: int
) -> None:
    job = shop.home.read(shop.job)
    assert Tolerance.of(job, rows) is None
    gate = GateSection(max_rejected_fraction=fraction)
    job = job.model_copy(update={"contract": ContractSection(model_error="reject"), "gate": gate})
    assert Tolerance.of(job, rows) == Tolerance(tolerated)
    silent = ContractSection(model_error="reject", keep_values=False)
    assert Tolerance.of(job.model_copy(update={"contract": silent}), rows) == Tolerance(tolerated, False)
