"""The background is chosen once, spread over the scores, and stands in the manifest."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.attribution import background
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.golden import golden_batch
from pipeline.model.manifest import PinnedVersion


def test_rows_are_the_middles_of_stretches_of_scores() -> None:
    scores = np.random.default_rng(0).permutation(320).astype(float)
    chosen = background.places(scores)
    assert scores[chosen].tolist() == [10.0 * place + 5 for place in range(32)]
    assert background.places(scores[:3]).tolist() == np.argsort(scores[:3]).tolist()


def test_registering_keeps_it_in_the_manifest(pinned: PinnedVersion) -> None:
    model = registry.load(pinned)
    rows = background.load(pinned, model)
    assert rows.num_rows == background.ROWS == len(pinned.manifest.background)
    assert rows.equals(golden_batch(pinned.manifest.contract, pinned.manifest.background))
    scores = model.score_batch(rows).score
    assert (np.diff(scores) >= 0).all()
    assert scores.mean() == pytest.approx(
        model.score_batch(background.reference(pinned)).score.mean(), abs=0.02
    )


def test_of_a_version_without_one_the_same_rows_are_chosen(pinned: PinnedVersion) -> None:
    without = PinnedVersion(
        pinned.manifest.model_copy(update={"background": ()}), pinned.sha256, pinned.folder
    )
    model = registry.load(pinned)
    chosen, registered = background.load(without, model), background.load(pinned, model)
    assert chosen.equals(registered)
    assert background.digest(chosen) == background.digest(registered)
    assert background.digest(chosen) != background.digest(chosen.slice(1))


def test_a_reference_that_is_gone_is_said(pinned: PinnedVersion) -> None:
    (pinned.folder / "reference.parquet").unlink()
    with pytest.raises(ModelError, match=r"reference\.parquet"):
        background.reference(pinned)


def test_fewer_rows_are_spread_over_all() -> None:
    rows = pa.RecordBatch.from_pydict({"place": list(range(32))})
    assert background.evenly(rows, 4).column("place").to_pylist() == [4, 12, 20, 28]
    assert background.evenly(rows.slice(0, 2), 4).column("place").to_pylist() == [0, 0, 1, 1]
