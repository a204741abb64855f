"""A model is explained on its own scale, in blocks, whatever it predicts."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator

from pipeline.attribution import background, explainer, players
from pipeline.attribution.explainer import EXACT, Block, Explainer
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from tests.home import shop_rows

Floats = npt.NDArray[np.float64]


class Told(BaseEstimator):
    """A model that computes what it is told."""

    def __init__(self, function: Any = None) -> None:
        self.function = function

    def predict(self, frame: pd.DataFrame) -> Any:
        """Values of a regression."""
        return self.function(frame)

    predict_proba = predict


def made(pinned: PinnedVersion, model: Model, orders: int = 16) -> Explainer:
    """A model, prepared."""
    names = [column.name for column in pinned.manifest.columns]
    return Explainer.of(model, players.of_model(names, {}, "shop"), background.load(pinned, model), orders)


def rows_of(pinned: PinnedVersion, number: int) -> pa.RecordBatch:
    """The shop's rows, as a part has them."""
    return pa.RecordBatch.from_pandas(
        shop_rows(number, 7), pinned.manifest.contract.schema, preserve_index=False
    )


def explained(prepared: Explainer, rows: pa.RecordBatch) -> list[Block]:
    """All rows, block by block."""
    scores = prepared.model.score_batch(rows).score
    return [prepared.explain(*block) for block in prepared.blocks([(rows, scores)])]


def test_base_and_contributions_are_the_log_odds_of_the_score(pinned: PinnedVersion) -> None:
    prepared = made(pinned, registry.load(pinned))
    for block in explained(prepared, rows_of(pinned, 500)):
        odds = np.log(block.scores / (1 - block.scores))
        np.testing.assert_allclose(block.shares.base + block.shares.values.sum(axis=1), odds, atol=1e-9)
        assert block.gap < EXACT
        assert (block.shares.values[:, 0] == 0).all()  # the model ignores `amount`


def test_a_regression_is_explained_in_its_units(pinned: PinnedVersion) -> None:
    manifest = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    model = Model(manifest, Told(lambda frame: 2.0 * frame["visits"] + 100 * frame["member"]))
    (block,) = explained(made(pinned, model), rows_of(pinned, 30))
    base = block.shares.base[0]
    np.testing.assert_allclose(block.shares.base + block.shares.values.sum(axis=1), block.scores)
    assert block.shares.values[:, 2].tolist() == [0.0] * 30
    visits = block.rows.column("visits").to_numpy()
    np.testing.assert_allclose(np.diff(block.shares.values[:, 1]), 2 * np.diff(visits), atol=1e-9)
    assert base == pytest.approx(block.shares.base.mean())


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_scores_whose_squares_are_no_numbers_are_not_explained(pinned: PinnedVersion) -> None:
    manifest = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    model = Model(manifest, Told(lambda frame: 1e160 * frame["visits"]))
    with pytest.raises(ModelError, match=r"its scores are so large that nobody can tell"):
        explained(made(pinned, model), rows_of(pinned, 30))


def test_of_several_classes_the_one_is_explained_whose_probability_is_the_score(
    pinned: PinnedVersion,
) -> None:
    def shares(frame: pd.DataFrame) -> Floats:
        weights = np.column_stack(
            [np.ones(len(frame)), frame["visits"] / 8 + 0.1, 2.0 * frame["member"] + 0.1]
        )
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)

    manifest = pinned.manifest.model_copy(update={"task": "multiclass", "classes": ("a", "b", "c")})
    (block,) = explained(made(pinned, Model(manifest, Told(shares))), rows_of(pinned, 60))
    odds = np.log(block.scores / (1 - block.scores))
    np.testing.assert_allclose(block.shares.base + block.shares.values.sum(axis=1), odds, atol=1e-9)
    assert len(np.unique(block.shares.base)) == 3  # each class has its own


def test_a_probability_of_nothing_counts_as_one_in_a_million() -> None:
    scale = explainer.on_scale("binary", np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(scale, [-np.log(1e6 - 1), 0, np.log(1e6 - 1)])


def test_blocks_are_the_same_whatever_batches_rows_come_in(pinned: PinnedVersion) -> None:
    prepared, rows = made(pinned, registry.load(pinned), 64), rows_of(pinned, 300)
    scores = prepared.model.score_batch(rows).score

    def blocks(*cuts: int) -> list[tuple[list[str], list[float]]]:
        ends = [0, *cuts, 300]
        pieces = [
            (rows.slice(first, last - first), scores[first:last]) for first, last in itertools.pairwise(ends)
        ]
        return [(each.column(0).to_pylist(), theirs.tolist()) for each, theirs in prepared.blocks(pieces)]

    whole = blocks()
    assert whole == blocks(3, 3, 200) == blocks(84, 85)
    assert [len(names) for names, _ in whole] == [84, 84, 84, 48]


def test_the_same_block_gives_the_same_bits(pinned: PinnedVersion) -> None:
    rows = rows_of(pinned, 50)
    first, second = (explained(made(pinned, registry.load(pinned)), rows)[0].shares for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.pairs.tobytes() == second.pairs.tobytes()


def test_a_score_that_the_model_does_not_give_shows_as_a_gap(pinned: PinnedVersion) -> None:
    prepared, rows = made(pinned, registry.load(pinned)), rows_of(pinned, 10)
    assert prepared.explain(rows, np.full(10, 0.5)).gap > 1e-3
