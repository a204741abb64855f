"""The sample model: what is committed is what was trained, and it is worth something."""

import importlib.util
import re
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.flight_delay import card
from pipeline.model import artifact, loaded_model, registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from tests.home import Home

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("roc_auc", "log_loss", "brier")


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
def champion() -> PinnedVersion:
    """The committed version."""
    return registry.resolve(ROOT, "flight_delay", "champion")


@pytest.fixture(scope="module")
def loaded(champion: PinnedVersion) -> Model:
    """The committed model, verified."""
    return registry.load(champion)


@pytest.fixture
def rows(
    train: ModuleType, home: Home, sample_warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> pd.DataFrame:
    """Four nights, the last two of which are in a week that is held out."""
    with monkeypatch.context() as checkout:
        checkout.setenv("SCORING_HOME", str(ROOT))
        frame: pd.DataFrame = train.read((date(2013, 1, 19), date(2013, 1, 22)))
    return frame


def test_the_committed_model_verifies(champion: PinnedVersion, loaded: Model) -> None:
    assert (champion.manifest.name, champion.manifest.version) == ("flight_delay", 2)
    assert (loaded.manifest.task, loaded.manifest.classes) == ("binary", ("false", "true"))
    assert len(loaded.manifest.golden_rows) == 8


@pytest.mark.parametrize("name", ["model.joblib", "reference.parquet"])
def test_it_is_small_enough_to_be_committed(champion: PinnedVersion, name: str) -> None:
    assert (champion.folder / name).stat().st_size < 500_000


@pytest.mark.parametrize(("where", "place"), [("held_out", 0), ("july_december", 1)])
def test_it_beats_both_baselines_where_it_was_not_trained(
    champion: PinnedVersion, where: str, place: int
) -> None:
    written = (champion.folder / "MODEL_CARD.md").read_text()
    lines = re.findall(
        r"^\| (model|rate per carrier and origin|base rate) \| (.+) \|$", written, re.MULTILINE
    )
    table = lines[3 * place : 3 * place + 3]
    assert [name for name, _ in table] == ["model", "rate per carrier and origin", "base rate"]
    model_row, *baselines = ([float(cell) for cell in cells.split(" | ")] for _, cells in table)
    measured = [champion.manifest.metrics[f"{where}_{figure}"] for figure in FIGURES]
    assert model_row == [round(measured[0], 3), *(round(figure, 4) for figure in measured[1:])]
    for roc_auc, log_loss, brier in baselines:
        assert measured[0] > roc_auc + 0.05
        assert measured[1] < log_loss
        assert measured[2] < brier


def test_its_card_is_the_one_that_training_writes(champion: PinnedVersion) -> None:
    # Blanks of the template stand for a number, a table or the list of features.
    parts = re.split(r"\{\w+[^}]*\}", card.CARD)
    pattern = r"(?:[\d.,]+%?|\|[^#]+\||`[^#]+`)".join(map(re.escape, parts))
    written = (champion.folder / "MODEL_CARD.md").read_text()
    assert re.fullmatch(pattern, written)
    assert all(f"`{column.name}`" in written for column in champion.manifest.columns)


def test_training_again_gives_the_same_scores(train: ModuleType, rows: pd.DataFrame) -> None:
    first, second = (
        train.training.make_model()
        .fit(train.features(rows), rows["late"])
        .predict_proba(train.features(rows))[:, 1]
        for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()
    assert len(np.unique(first)) > 100


def test_training_reads_flights_that_arrived_from_the_nights_asked_for(
    train: ModuleType, rows: pd.DataFrame
) -> None:
    assert rows["score_date"].dt.date.unique().tolist() == [date(2013, 1, day) for day in range(19, 23)]
    assert not rows.duplicated(["score_date", "entity_id"]).any()
    assert rows["late"].dtype == bool


def test_the_querys_columns_are_those_of_the_contract(
    champion: PinnedVersion, train: ModuleType, rows: pd.DataFrame
) -> None:
    dtypes = [(str(name), str(dtype)) for name, dtype in train.features(rows).dtypes.items()]
    # That version was trained on integers of the database's own width.
    wide = {"int32": "int64"}
    assert dtypes == [
        (column.name, wide.get(column.dtype, column.dtype)) for column in champion.manifest.columns
    ]


def test_training_registers_a_model_that_verifies(train: ModuleType, home: Home, rows: pd.DataFrame) -> None:
    folder = train.train(rows, rows)
    assert folder == home.path / "models" / "flight_delay" / "1"
    pinned = registry.resolve(home.path, "flight_delay", "champion")
    registry.load(pinned)
    again = artifact.unpickle((pinned.folder / "model.joblib").read_bytes(), "flight_delay")
    probabilities = again.predict_proba(train.features(rows))
    expected = (
        train.training.make_model()
        .fit(train.features(rows), rows["late"])
        .predict_proba(train.features(rows))
    )
    np.testing.assert_array_equal(probabilities, expected)
    assert pinned.manifest.reference_rows == 4 * train.REFERENCE_ROWS_A_NIGHT
    assert set(pinned.manifest.metrics) == {
        f"{where}_{figure}" for where in ("held_out", "july_december") for figure in FIGURES
    }
    assert "2 nights), scored by" in (folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("name", ["carrier", "origin", "dest"])
def test_a_text_that_training_never_saw_is_scored(loaded: Model, name: str) -> None:
    scores = score(loaded, {name: "ZZ"})
    assert ((scores > 0) & (scores < 1)).all()


def test_rows_of_which_nothing_nullable_is_known_are_scored(loaded: Model) -> None:
    nullable = {column.name for column in loaded.manifest.columns if column.nullable}
    assert {"plane_year", "seats", "pressure", "flight_delay_28d", "origin_delay_yesterday"} <= nullable
    scores = score(loaded, dict.fromkeys(nullable))
    assert ((scores > 0) & (scores < 1)).all()
    assert len(np.unique(scores)) > 1


def score(loaded: Model, changes: dict[str, str | None]) -> loaded_model.Floats:
    """Scores of the golden rows with some values changed, by the way that a night's batch takes."""
    contract = loaded.manifest.contract
    changed = [{"entity_id": "flight", **row, **changes} for row in loaded.manifest.golden_rows]
    batch = pa.RecordBatch.from_pylist(changed, schema=contract.schema)
    return loaded.score(contract.frame(batch)).score
