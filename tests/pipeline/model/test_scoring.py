"""A loaded model scores the batches of a part; the error names the rows that it fails on."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.model import scoring
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.model.scoring import PredictError, score_batch
from pipeline.store.schemas import SCORE_SCHEMA
from tests.home import shop_model, shop_rows


class Picky:
    """The shop's model, which fails on some numbers of visits."""

    def __init__(self, *refused: int) -> None:
        self.estimator, self.refused = shop_model()[0], refused

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """The model's probabilities, unless a row is refused."""
        if frame["visits"].isin(self.refused).any():
            raise RuntimeError("no such visits")
        return self.estimator.predict_proba(frame)


class Crowded:
    """The shop's model, which fails on more than a row."""

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities of one row only."""
        if len(frame) > 1:
            raise RuntimeError("too many rows")
        return np.full((len(frame), 2), 0.5)


def batch(pinned: PinnedVersion, rows: int) -> pa.RecordBatch:
    """Rows of the shop as a part has them; each has its own number of visits."""
    frame = shop_rows(rows).assign(visits=range(rows))
    return pa.RecordBatch.from_pandas(frame, schema=pinned.manifest.contract.schema, preserve_index=False)


def test_every_row_gets_its_score_and_label(pinned: PinnedVersion) -> None:
    rows = batch(pinned, 20)
    estimator, _ = shop_model()
    scores = score_batch(Model(pinned.manifest, estimator), rows)
    assert scores.schema == SCORE_SCHEMA
    assert scores.column("entity_id") == rows.column("entity_id")
    expected = estimator.predict_proba(pinned.manifest.contract.frame(rows))[:, 1]
    np.testing.assert_array_equal(scores.column("score").to_numpy(), expected)
    assert scores.column("label").to_pylist() == [str(score >= 0.5).lower() for score in expected]
    assert scores.column("class_scores").null_count == 20


@pytest.mark.parametrize(
    ("refused", "names"),
    [
        ((3,), "customer-00003:"),
        ((3, 17), "customer-00003, customer-00017:"),
        (tuple(range(10)), "customer-00000, .*customer-00004 and more:"),
    ],
)
def test_the_rows_that_a_model_fails_on_are_named(
    pinned: PinnedVersion, refused: tuple[int, ...], names: str
) -> None:
    with pytest.raises(
        PredictError, match=f"model shop version 1 failed on rows {names} RuntimeError: no such"
    ):
        score_batch(Model(pinned.manifest, Picky(*refused)), batch(pinned, 20))


def test_rows_that_fail_only_together_are_named_by_the_first_and_the_last(pinned: PinnedVersion) -> None:
    with pytest.raises(PredictError, match="customer-00000 to customer-00003 taken together"):
        score_batch(Model(pinned.manifest, Crowded()), batch(pinned, 4))


def test_only_a_concurrent_model_is_scored_by_several_threads(
    pinned: PinnedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.runtime.resources.share", lambda: 4)
    concurrent, alone = (pinned.manifest.model_copy(update={"concurrent": flag}) for flag in (True, False))
    assert (scoring.scoring_threads(concurrent), scoring.scoring_threads(alone)) == (4, 1)
