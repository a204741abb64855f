"""The sample model: what is committed is what was trained, and it is worth something."""

import importlib.util
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline import model
from pipeline.model import Pinned
from tests.home import Home

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def train() -> ModuleType:
    """models/flight_delay/train.py."""
    path = ROOT / "models" / "flight_delay" / "train.py"
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def champion() -> Pinned:
    """The committed version."""
    return model.resolve(ROOT, "flight_delay", "champion")


def test_the_committed_model_verifies(champion: Pinned) -> None:
    loaded = model.load(champion)
    assert (loaded.manifest.task, loaded.manifest.classes) == ("binary", ("false", "true"))
    assert len(loaded.manifest.golden_rows) == 8


@pytest.mark.parametrize("name", ["model.joblib", "reference.parquet"])
def test_it_is_small_enough_to_be_committed(champion: Pinned, name: str) -> None:
    assert (champion.folder / name).stat().st_size < 500_000


def test_it_beats_both_baselines_where_it_was_not_trained(champion: Pinned) -> None:
    card = (champion.folder / "MODEL_CARD.md").read_text()
    tables = [
        line.split("|")
        for line in card.splitlines()
        if line.startswith(("| model |", "| rate ", "| base rate"))
    ]
    figures = [(row[1].strip(), [float(cell) for cell in row[2:5]]) for row in tables]
    assert [name for name, _ in figures] == ["model", "rate per carrier and origin", "base rate"] * 2
    for group in (figures[:3], figures[3:]):
        (_, best), *baselines = group
        for _, baseline in baselines:
            assert best[0] > baseline[0]
            assert best[1] < baseline[1]
            assert best[2] < baseline[2]
    assert champion.manifest.metrics["held_out_roc_auc"] > 0.65
    assert champion.manifest.metrics["july_december_roc_auc"] > 0.65


def test_training_again_gives_the_same_scores(
    train: ModuleType, home: Home, sample_warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_HOME", str(ROOT))
    rows = train.read((date(2013, 2, 1), date(2013, 2, 4)))
    first, second = (train.make_model().fit(train.features(rows), rows["late"]) for _ in range(2))
    np.testing.assert_array_equal(*(fitted.predict_proba(train.features(rows)) for fitted in (first, second)))
    assert rows["score_date"].nunique() == 4
    assert not rows["late"].isna().any()


def test_its_features_are_the_columns_of_the_query(
    champion: Pinned, train: ModuleType, home: Home, sample_warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_HOME", str(ROOT))
    rows = train.read((date(2013, 2, 1), date(2013, 2, 1)))
    assert list(train.features(rows).columns) == [column.name for column in champion.manifest.columns]


def test_new_carriers_and_nulls_are_scored(champion: Pinned) -> None:
    assert all(column.accepts_unknown for column in champion.manifest.columns)
    nullable = {column.name for column in champion.manifest.columns if column.nullable}
    assert {"plane_year", "seats", "pressure", "flight_delay_28d"} <= nullable
